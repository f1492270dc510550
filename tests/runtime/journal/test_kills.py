"""A program that is killed again and again loses nothing, and does nothing twice."""

import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from profiles import scaled
from programs import Program, lines_of, wait_for

ITEMS, CAP, KILLS = 300, 8, scaled(20)


def workflow(node_type: str, **batch: Any) -> dict[str, Any]:
    """Give a workflow that goes through all files of the folder `in`."""
    node = {
        "id": "b",
        "type": f"logging_nodes:{node_type}",
        "batch": {
            "items": {"glob": "in/*.txt"},
            "parallel": True,
            "max_concurrent": CAP,
            **batch,
        },
        "params": {"item": "${item}", "log": "log", "seconds": 0.02},
    }
    return {"nodes": [node], "outputs": {"out": {"source": "${b.results}"}}}


def files(folder: Path) -> list[str]:
    """Write the files; give their names, in order."""
    (folder / "in").mkdir()
    names = [f"in/{number:03}.txt" for number in range(ITEMS)]
    for name in names:
        (folder / name).write_text(name)
    return names


def killed(program: Program, chance: random.Random) -> None:
    """Start a program, and kill it at some moment, be it before it has begun."""
    executed = len(program.executed())
    process = program.start()
    if chance.random() < 0.9:
        some = chance.randint(1, 8)
        wait_for(lambda: len(program.executed()) >= executed + some)
        time.sleep(chance.uniform(0, 0.01))
    else:
        time.sleep(chance.uniform(0, 0.2))
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def results_of(folder: Path, out: Any) -> list[Any]:
    """Give the results, wherever they are."""
    if isinstance(out, list):
        return out
    lines = lines_of(folder / out)
    assert [line["index"] for line in lines] == list(range(ITEMS))
    return [line["result"] for line in lines]


@pytest.mark.parametrize(
    ("node_type", "batch"),
    [
        ("Logged", {}),
        ("AsyncLogged", {"key": "${item}"}),
        ("AsyncLogged", {"results_to": "out.jsonl", "timeout": 50}),
    ],
    ids=["threads", "tasks", "to a file"],
)
def test_nothing_is_lost_and_nothing_done_twice(
    tmp_path: Path, node_type: str, batch: dict[str, Any]
) -> None:
    names, chance = files(tmp_path), random.Random()
    program = Program(tmp_path, workflow(node_type, **batch))
    known: list[tuple[int, set[str]]] = []
    for _ in range(KILLS):
        killed(program, chance)
        succeeded = {
            str(each).removeprefix("done with ")
            for each in program.journaled().values()
        }
        known.append((len(program.executed()), succeeded))
    outputs = program.outputs()
    assert results_of(tmp_path, outputs["out"]) == [f"done with {n}" for n in names]
    executed = program.executed()
    for position, succeeded in known:
        assert not succeeded & set(executed[position:])
    assert set(executed) == set(names)
    assert len(executed) <= ITEMS + KILLS * CAP
    assert program.outputs() == outputs
    assert program.executed() == executed
