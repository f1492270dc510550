"""The node type `http`: make a request and return the answer."""

import re
import time

from pflow_lower.nodes.http.call import read_call
from pflow_lower.nodes.http.exchange import Answer, send
from pflow_lower.nodes.support import params
from pflow_lower.nodes.support.answers import quoted, retry_after
from pflow_lower.nodes.support.base import AsyncBuiltinNode, Outputs
from pflow_lower.support.values import read_json

BODY_LIMIT = 100 * 1024 * 1024
"""The most bytes of a body that are read, after decompression."""

_ERROR_LIMIT = 64 * 1024
_JSON_TYPE = re.compile(
    r"\s*(application/json|text/json|[^;\s]+\+json)\s*(;|$)", re.IGNORECASE
)


class HttpError(RuntimeError):
    """An answer that is a failure or cannot be used; the message quotes it.

    `status_code` is that of the answer. `retry_after` is for how many seconds the
    server asked clients to wait, or None.
    """

    def __init__(
        self, message: str, status_code: int, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.retry_after = retry_after


class HttpNode(AsyncBuiltinNode):
    """Makes a request; a status of 400 or above fails it, unless errors are ignored.

    A body that is not JSON is read as text in the charset that the server names, by
    default UTF-8. Invalid bytes become lone surrogates, and the same bytes again in a
    param of this node or of a file node. A redirect to another server carries none of
    the secrets (`docs/language.md` § 7).
    """

    params = {
        "url": "required",
        "method": "optional",
        "headers": "optional",
        "params": "optional",
        "body": "optional",
        "auth_token": "optional",
        "timeout": "optional",
        "follow_redirects": "optional",
        "ignore_errors": "optional",
    }
    outputs = {
        "response": "any",
        "status_code": "number",
        "response_headers": "object",
        "response_time": "number",
    }
    result = "response"
    actions = ("default", "error")

    async def exec_async(self, prep_res: object) -> Outputs:
        """Make the request.

        Raises HttpError for a failure that is not ignored and for an answer that
        cannot be used, ConnectionError without an answer, TimeoutError past `timeout`.
        """
        call = read_call(self.params)
        ignore_errors = params.flag(self.params, "ignore_errors", default=False)
        started = time.perf_counter()
        answer = await send(
            call,
            limit=BODY_LIMIT,
            limit_on_error=BODY_LIMIT if ignore_errors else _ERROR_LIMIT,
        )
        seconds = time.perf_counter() - started
        is_error = answer.status >= 400
        if is_error and not ignore_errors:
            raise _failure(call.method, answer)
        if answer.is_cut:
            raise HttpError(
                f"the answer of {answer.source} is longer than the limit of "
                f"{BODY_LIMIT} bytes",
                answer.status,
            )
        return {
            "response": _error_body(answer) if is_error else _body(answer),
            "status_code": answer.status,
            "response_headers": answer.headers,
            "response_time": seconds,
        }


def _failure(method: str, answer: Answer) -> HttpError:
    said = quoted(_text(answer)) or "(no body)"
    status = f"{answer.status} {answer.reason}".rstrip()
    return HttpError(
        f"{method} {answer.source} failed with status {status}: {said}",
        answer.status,
        retry_after(answer.headers),
    )


def _body(answer: Answer) -> object:
    """Return the body, which must be JSON if its content type says so."""
    if not _JSON_TYPE.match(answer.headers.get("content-type", "")):
        return _text(answer)
    if not answer.body.strip():
        return None
    try:
        return read_json(_json_source(answer))
    except ValueError as exc:
        raise HttpError(
            f"the answer of {answer.source} is not valid JSON, although its content "
            f"type says so: {exc}: {quoted(_text(answer))}",
            answer.status,
        ) from None


def _json_source(answer: Answer) -> str | bytes:
    """Return what to read: JSON shows its UTF itself; older servers name a charset."""
    try:
        return answer.body.decode(answer.charset or "").removeprefix("\ufeff")
    except LookupError:
        return answer.body


def _error_body(answer: Answer) -> object:
    """Return the body of a failure, which may be a page although it is called JSON."""
    try:
        return _body(answer)
    except HttpError:
        return _text(answer)


def _text(answer: Answer) -> str:
    try:
        return answer.body.decode(answer.charset or "utf-8")
    except (LookupError, ValueError):
        return answer.body.decode("utf-8", "surrogateescape")
