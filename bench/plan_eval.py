"""Score the workflows that a model plans: `make plan-eval MODEL=name`.

Prints a line for each request and the totals, each as right/asked. A model is asked up
to three times for each of 40 requests, which may take long and cost money.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence

from bench.plan_score import Expected, Score, read_requests, score
from pflow_lower.planner import ModelError, PlanError, plan

_SIGNS = {True: "yes", False: "no", None: ""}
_WIDTH = 60


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask the model, print the scores, and print their totals."""
    parser = argparse.ArgumentParser(prog="plan-eval", description="Score a model.")
    parser.add_argument("--model", default="", help='a model that "llm models" lists')
    parser.add_argument("--attempts", type=int, default=3, help="of each request")
    given = parser.parse_args(arguments)
    if not given.model:
        parser.error("no model is given: make plan-eval MODEL=name")
    if given.attempts < 1:
        parser.error("--attempts must be at least 1")
    print(_row("", ("attempts", *Score._fields)), flush=True)
    try:
        scores = list(_scores(given.model, given.attempts))
    except (ModelError, ImportError) as error:
        sys.exit(f"plan-eval: error: {error}")
    for name, chosen in _GROUPS.items():
        print(totals(name, [one for expected, one in scores if chosen(expected)]))


_GROUPS: dict[str, Callable[[Expected], bool]] = {
    "a batch is due": lambda expected: expected.batch,
    "no batch is due": lambda expected: not expected.batch,
    "all": lambda _: True,
}


def totals(name: str, scores: Sequence[Score]) -> str:
    """Return the line with the totals of some scores."""
    cells = [""]
    for column in zip(*scores, strict=True):
        asked = [one for one in column if one is not None]
        cells.append(f"{sum(asked)}/{len(asked)}" if asked else "")
    return _row(f"{name} ({len(scores)})", cells)


def _scores(model: str, attempts: int) -> Iterable[tuple[Expected, Score]]:
    for expected in read_requests():
        try:
            planned = plan(expected.request, model=model, attempts=attempts)
        except PlanError as error:
            count, one = len(error.attempts), score(expected, None)
        else:
            count, one = len(planned.attempts), score(expected, planned.ir)
        print(_row(expected.request, (str(count), *map(_SIGNS.get, one))), flush=True)
        yield expected, one


def _row(name: str, cells: Iterable[str | None]) -> str:
    shown = name if len(name) <= _WIDTH else f"{name[: _WIDTH - 1]}…"
    line = f"{shown:{_WIDTH}}" + "".join(f"{cell or '':>10}" for cell in cells)
    return line.rstrip()


if __name__ == "__main__":
    main()
