"""Where things stand in the checkout."""

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FIXTURES = ROOT / "fixtures"
SUPPORT = ROOT / "tests" / "support"
"""Modules that tests and the programs that they start import."""
