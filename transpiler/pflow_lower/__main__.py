"""Run `pflow-lower` as `python -m pflow_lower`."""

from pflow_lower.cli.main import main

main()
