"""Let a model write a workflow, and lower it.

    from pflow_lower.planner import plan

    planned = plan("Summarize all files in the folder", model="gpt-5.6-luna")
    planned.ir                # the workflow, a dict for `pflow_lower.lower`
    len(planned.attempts)     # how many replies it took
    planned.diagnostics       # the warnings

A reply is read and lowered, but never run or imported.
"""

from pflow_lower.planner.asking import ModelError
from pflow_lower.planner.planning import Attempt, Plan, PlanError, plan

__all__ = ["Attempt", "ModelError", "Plan", "PlanError", "plan"]
