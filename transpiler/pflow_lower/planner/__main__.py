"""`python -m pflow_lower.planner` is `pflow-plan`."""

from pflow_lower.planner.cli import main

main()
