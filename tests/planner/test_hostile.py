"""A reply can never make the planner run anything, whatever it holds."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from places import SUPPORT

PROGRAM = """
import json, sys

from scripted_models import NAME, installed
from pflow_lower.planner import PlanError, plan
from places import SUPPORT

replies = json.load(sys.stdin)
harmless = json.dumps({"nodes": [{"id": "a", "type": "echo"}]})
with installed(harmless):
    plan("warm up", model=NAME)  # what is imported late is now imported

events = []
RUNNING = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.")
REACHING = ("ctypes.", "socket.", "os.remove", "os.rename", "os.chdir", "shutil.")

def hear(event, arguments):
    shown = f"{event} {arguments}"
    ours = "evil" in shown or "lowered" in shown  # a module of the reply, or made of it
    wrong = event.startswith(RUNNING + REACHING)
    wrong |= event in ("import", "exec") and ours
    wrong |= event == "open" and bool({*"wax+"} & {*str(arguments[1])})
    if listening and wrong:
        events.append(shown)

listening = False
sys.addaudithook(hear)
made = []
for reply in replies:
    with installed(reply):
        listening = True
        try:
            made.append(plan("harm", model=NAME, attempts=1).ir)
        except PlanError as error:
            made.append(str(error))
        listening = False
print(json.dumps([made, events, sorted(n for n in sys.modules if "evil" in n)]))
"""
CODE = "__import__('os').system('touch evil_was_here')"
IDS = [
    CODE,
    f'a"\n{CODE}\n"',
    f"a'''\n{CODE}\n'''",
    f'"""\n{CODE}\n"""',
    "${a.value}",
    f"\\\n{CODE}",
    "../../evil",
    "$(touch evil_was_here)",
]


def node(name: str, node_type: str = "echo", **more: Any) -> dict[str, Any]:
    return {"id": name, "type": node_type, **more}


def alone(one: dict[str, Any]) -> str:
    return json.dumps({"nodes": [one]})


def batch(name: str, node_type: str) -> dict[str, Any]:
    return node(name, node_type, batch={"items": ["x"]}, params={"value": "${item}"})


REPLIES = [
    *(alone(node(name)) for name in IDS),
    *(alone(batch(name, "echo")) for name in IDS),
    alone(node("a", "os:system", params={"command": CODE})),
    alone(node("a", "evil_module:Node")),
    alone(batch("a", "evil_module:Node")),
    alone(node("a", f"evil_module:Node\n{CODE}")),
    alone(node("a", "code", params={"code": CODE})),
    alone(node("a", "shell", params={"command": "touch evil_was_here"})),
    alone(node("a", params={"value": f"${{{CODE}}}", CODE: CODE})),
    json.dumps({"nodes": [node("a")], "inputs": {CODE: {"default": CODE}}}),
    CODE,
    f"```python\n{CODE}\n```",
    f'{{"nodes": {CODE}}}',
    '{"__class__": "evil_module.Node", "__reduce__": ["os.system", "id"], "nodes": []}',
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "evil_module.py").write_text("open('evil_was_here', 'w')\n")
    return tmp_path


def test_a_reply_is_read_and_never_run(folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(REPLIES),
        cwd=folder,
        env={
            **os.environ,
            "LLM_USER_PATH": str(folder / "llm"),
            "PYTHONPATH": os.pathsep.join(
                [str(folder), str(SUPPORT), os.environ.get("PYTHONPATH", "")]
            ),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    made, events, modules = json.loads(ended.stdout)
    assert len(made) == len(REPLIES)
    # What it cannot be used for is no reason to refuse it: an id may be any text.
    assert made[0] == json.loads(REPLIES[0])
    assert events == []
    assert modules == []
    assert sorted(path.name for path in folder.iterdir()) == ["evil_module.py", "llm"]
