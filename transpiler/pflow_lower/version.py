"""The version, where the package, its build and the generated header read it."""

__version__ = "0.1.0"
