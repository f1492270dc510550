"""`python -m pflow_lower` is `pflow-lower`."""

from pflow_lower.cli.main import main

main()
