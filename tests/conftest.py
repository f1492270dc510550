"""Settings of Hypothesis for all tests.

No test fails by the clock, so there is no deadline. In CI the examples are the same
at every run: a new one is found where somebody can look at it.
"""

import os

from hypothesis import settings

settings.register_profile("ours", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("ours")
