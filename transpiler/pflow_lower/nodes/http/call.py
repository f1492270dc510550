"""Read the params of an `http` node."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pflow_lower.nodes.support import params
from pflow_lower.support.secrets import register_headers
from pflow_lower.support.values import as_json, as_text, is_array, type_name

_SECONDS = 30.0

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request: `query` is added to that of the URL, `content` is the body.

    `timeout` is in seconds, for the whole exchange.
    """

    method: str
    url: str
    query: list[tuple[str, str]]
    headers: list[tuple[bytes, bytes]]
    content: bytes | None
    follow_redirects: bool
    timeout: float


def read_call(given: params.Params) -> Call:
    """Read the params; raises TypeError or ValueError if one cannot be used.

    Secrets among the headers are registered, so that they are never shown.
    """
    body = given.get("body")
    return Call(
        method=_method(given, "GET" if body is None else "POST"),
        url=params.string(given, "url").strip(),
        query=_query(params.fields(given, "params")),
        headers=_headers(given),
        content=None if body is None else params.octets(body, "body"),
        follow_redirects=params.flag(given, "follow_redirects", default=True),
        timeout=params.seconds(given) or _SECONDS,
    )


def _method(given: params.Params, default: str) -> str:
    method = params.string(given, "method", default).strip().upper()
    if not _TOKEN.fullmatch(method):
        raise ValueError(f'param "method": {method!r} is not a valid method')
    return method


def _query(given: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return names and values; an array means several values of one name."""
    return [
        (name, as_json(value) if isinstance(value, bool) else as_text(value))
        for name, values in given.items()
        for value in (values if is_array(values) else [values])
        if value is not None
    ]


def _headers(given: params.Params) -> list[tuple[bytes, bytes]]:
    headers = {}
    for name, value in params.fields(given, "headers").items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f'param "headers": {name!r} is not a valid header name')
        if value is not None:
            headers[name] = _header_value(as_text(value), f"headers.{name}")
    names = {name.lower() for name in headers}
    if given.get("auth_token") is not None:
        if "authorization" in names:
            raise ValueError('give either "auth_token" or the header Authorization')
        headers["Authorization"] = b"Bearer " + _auth_token(given["auth_token"])
    body = given.get("body")
    if body is not None and "content-type" not in names:
        headers["Content-Type"] = _content_type(body).encode()
    register_headers(
        {name: octets.decode("utf-8", "replace") for name, octets in headers.items()}
    )
    return [(name.encode(), octets) for name, octets in headers.items()]


def _auth_token(token: object) -> bytes:
    if not isinstance(token, str):  # the message must not show its value
        raise TypeError(
            f'param "auth_token": expected a string, found {type_name(token)}'
        )
    octets = _header_value(token, "auth_token")
    if not octets or b" " in octets:
        raise ValueError('param "auth_token": expected a token, without white space')
    return octets


def _header_value(text: str, name: str) -> bytes:
    """Return the value of a header, without white space around it."""
    text = text.strip()
    if _CONTROL.search(text):
        raise ValueError(f'param "{name}": must not contain a control character')
    return params.octets(text, name)


def _content_type(body: object) -> str:
    if isinstance(body, Mapping) or is_array(body):
        return "application/json"
    if isinstance(body, bytes | bytearray):
        return "application/octet-stream"
    return "text/plain; charset=utf-8"
