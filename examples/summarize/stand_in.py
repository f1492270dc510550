"""A stand-in for a language model, so that the example runs without one."""

import asyncio
import json

from pocketflow import AsyncNode


class Model(AsyncNode):
    """Answer after half a second, with the first sentence of a text or with a list."""

    params = {"prompt": "required"}
    outputs = {"response": "string"}

    async def exec_async(self, prep_res):
        """Wait, and answer."""
        await asyncio.sleep(0.5)
        _, _, text = self.params["prompt"].partition(": ")
        if text.startswith("["):
            return "\n".join(f"- {summary}" for summary in json.loads(text))
        return text.partition(".")[0] + "."

    async def post_async(self, shared, prep_res, exec_res):
        """Write the output."""
        shared["response"] = exec_res
