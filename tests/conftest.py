"""Settings for all tests: see `profiles` for those of Hypothesis."""

from profiles import register_profiles

register_profiles()
