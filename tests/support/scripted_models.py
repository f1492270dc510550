"""A model that replies what it is told to, installed as a plugin of `llm`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import llm
from llm.plugins import pm

NAME = "scripted"


class Scripted(llm.Model):
    """Gives replies one after the other; an exception among them is raised."""

    model_id = NAME

    def __init__(self, *replies: str | Exception, **settings: object) -> None:
        self.replies = iter(replies)
        self.prompts: list[llm.Prompt] = []
        for name, value in settings.items():
            setattr(self, name, value)

    def execute(
        self,
        prompt: llm.Prompt,
        stream: bool,
        response: llm.Response,
        conversation: llm.Conversation | None = None,
    ) -> Iterator[str]:
        self.prompts.append(prompt)
        reply = next(self.replies)
        if isinstance(reply, Exception):
            raise reply
        yield reply


class Install(Protocol):
    """Makes a scripted model and installs it."""

    def __call__(self, *replies: str | Exception, **settings: object) -> Scripted: ...


class Plugin:
    """What `llm` asks for models."""

    def __init__(self, model: llm.Model) -> None:
        self.model = model

    @llm.hookimpl
    def register_models(self, register: Any) -> None:
        register(self.model)


@contextmanager
def installed(*replies: str | Exception, **settings: object) -> Iterator[Scripted]:
    model = Scripted(*replies, **settings)
    plugin = Plugin(model)
    pm.register(plugin)
    try:
        yield model
    finally:
        pm.unregister(plugin)
