"""`python -m pflow_lower` is `pflow-lower`."""

from pflow_lower.cli import main

main()
