"""Make the pictures of the documentation from real output: `make pictures`.

Runs the real commands in a temporary copy of examples/summarize, on a terminal of
its own (so that they show colors and progress bars), and has rich write what the
terminal showed as an SVG that needs no font and no other file.
"""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent / "examples" / "summarize"
COLUMNS = 92
FORMAT = re.sub(
    r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL
).replace("<svg ", '<svg xml:space="preserve" ', 1)
"""The format of rich without its fonts, which come from a server."""


def main() -> None:
    """Write each picture beside this file, or only those that are named."""
    pictures = {"diagnostic": diagnostic, "run": run}
    for name in sys.argv[1:] or pictures:
        (HERE / f"{name}.svg").write_text(draw(pictures[name]), "utf-8")


def draw(picture: Callable[["Screen"], None]) -> str:
    """Return what a terminal shows of a picture's commands, as an SVG."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "summarize"
        copytree(EXAMPLE, folder)
        screen = Screen(folder)
        picture(screen)
        return screen.svg(picture.__name__)


def diagnostic(screen: "Screen") -> None:
    """Show two mistakes in the workflow of the README."""
    path = screen.folder / "docs.json"
    text = path.read_text("utf-8").replace("${text}", "${txt}")
    path.write_text(text.replace('"to": "combine"', '"to": "combined"'), "utf-8")
    screen.command("pflow-lower docs.json")


def run(screen: "Screen") -> None:
    """Show a run that is killed, and one that goes on from its journal."""
    screen.command("pflow-lower docs.json")
    program = "python docs_lowered.py --journal run.sqlite"
    screen.command(program, kill_when=b"10/24")
    screen.write("Killed")
    screen.command(program, longest=COLUMNS)


class Screen:
    """What a terminal shows of the commands that are run on it."""

    def __init__(self, folder: Path) -> None:
        """Begin with an empty terminal, in a folder."""
        self.folder = folder
        self._lines: list[Text] = []

    def write(self, text: str) -> None:
        """Show a text of one or more lines, colors included."""
        self._lines.extend(Text.from_ansi(line) for line in text.split("\n"))

    def command(
        self, command: str, kill_when: bytes | None = None, longest: int | None = None
    ) -> None:
        """Run a command, kill it when it shows a text, and show what it wrote."""
        self.write(f"\033[1;32m$\033[0m \033[1m{command}\033[0m")
        shown = on_terminal(command.split(), self.folder, kill_when)
        for line in shown.rstrip("\n").split("\n"):
            cut = longest is not None and len(Text.from_ansi(line).plain) > longest
            self.write(f"{line[: longest - 2]} …" if cut and longest else line)

    def svg(self, name: str) -> str:
        """Return the terminal as an SVG."""
        console = Console(record=True, width=COLUMNS, file=io.StringIO())
        for line in self._lines:
            console.print(line, soft_wrap=True)
        return console.export_svg(
            title="pflow-lower", code_format=FORMAT, unique_id=name
        )


def on_terminal(command: list[str], folder: Path, kill_when: bytes | None) -> str:
    """Run a command on a terminal of its own, and return what it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, COLUMNS, 0, 0))
    with subprocess.Popen(
        [Path(sys.executable).parent / command[0], *command[1:]],
        cwd=folder,
        env=os.environ
        | {
            "TERM": "xterm-256color",
            "TQDM_BAR_FORMAT": "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
        },
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while chunk := read(ours):
            shown += chunk
            if kill_when is not None and kill_when in shown:
                process.kill()
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def read(terminal: int) -> bytes:
    """Read from a terminal; return nothing once its other end is closed."""
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux reports the end in this way
        return b""


if __name__ == "__main__":
    main()
