"""Print every measurement: `make bench`."""

from bench import waiting


def main() -> None:
    """Measure, and print a line each."""
    print(f"{'':58} {'ours':>13} {'theirs':>13} {'ratio':>7} {'bound':>7}")
    for ratio in waiting.ratios():
        print(ratio, flush=True)


if __name__ == "__main__":
    main()
