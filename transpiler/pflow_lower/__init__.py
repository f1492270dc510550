"""Lower workflows with batch nodes to a plain DAG and a PocketFlow module.

    from pflow_lower import lower

    lowered = lower({"nodes": [...], "edges": [...]}, name="docs")
    lowered.write("build")                      # docs.lowered.json, docs_lowered.py
    outputs = lowered.load().run(topic="tea")   # or run it in this process

Only the names below are public: `docs/language.md` § 6. Each is imported when it is
first used, so that importing the package takes no time.
"""

from typing import TYPE_CHECKING, Any

from pflow_lower.version import __version__

if TYPE_CHECKING:
    from pflow_lower.api import Lowered, LoweringError, lower, lower_file
    from pflow_lower.diagnostics import Diagnostic

__all__ = [
    "Diagnostic",
    "Lowered",
    "LoweringError",
    "__version__",
    "lower",
    "lower_file",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    owner = "diagnostics" if name == "Diagnostic" else "api"
    value = getattr(import_module(f"pflow_lower.{owner}"), name)
    globals()[name] = value
    return value
