"""Print every measurement: `make bench`, or `make bench ARGS=starting`."""

import sys

from bench import bulk, starting, waiting

SUBJECTS = {"waiting": waiting.ratios, "bulk": bulk.ratios, "starting": starting.ratios}


def main() -> None:
    """Measure, and print a line each."""
    print(f"{'':58} {'ours':>13} {'theirs':>13} {'ratio':>7} {'bound':>7}")
    for subject in sys.argv[1:] or SUBJECTS:
        for ratio in SUBJECTS[subject]():
            print(ratio, flush=True)


if __name__ == "__main__":
    main()
