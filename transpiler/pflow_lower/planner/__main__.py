"""Run `pflow-plan` as `python -m pflow_lower.planner`."""

from pflow_lower.planner.cli import main

main()
