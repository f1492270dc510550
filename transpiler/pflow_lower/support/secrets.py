"""Masks secrets in what is shown.

Known secrets are the values of environment variables with telling names, and
registered values. Others are recognised by their shape. A text without secrets costs
a few microseconds.
"""

import base64
import binascii
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
"""What stands where a secret was."""

_SHORTEST = 6
"""Values with fewer characters are not secrets; they would be found everywhere."""

_LINE = 12
"""A line of a longer secret is masked by itself if it has so many characters."""

_MOST = 200
"""How many registered values are remembered, the latest ones: enough for all items in
flight, if each has its own."""

_TELLING = re.compile(
    r"(^|[^A-Z])(KEY|TOKEN|SECRET|CREDENTIAL|AUTH"
    r"|[A-Z]*(PASSWORD|PASSWD|PASSPHRASE|APIKEY))S?(?![A-Z])",
    re.IGNORECASE,
)
_TELLING_HEADER = re.compile(
    "^(?!.*idempotency).*(authorization|cookie|key|token|secret|password)",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """Return the text with `***` in place of every secret.

    Any thread may call it; changes of the environment are seen at the next call.
    """
    for form in _known.forms():
        if form in text:
            text = text.replace(form, MASK)
    lowered = text.lower()
    for word, pattern, masked in _SHAPES:
        if word in lowered:
            text = pattern.sub(masked, text)
    return text


def mask_values(text: str, values: Iterable[str]) -> str:
    """Return the text with `***` in place of these values only."""
    for form in _longest_first(values):
        text = text.replace(form, MASK)
    return text


def mask_octets(octets: bytes, values: Iterable[str]) -> bytes:
    """Do the same as `mask_values`, in UTF-8."""
    for form in _longest_first(values):
        octets = octets.replace(form.encode("utf-8", "replace"), MASK.encode())
    return octets


def register(value: str) -> None:
    """Treat a value as a secret from now on, unless it is too short."""
    _known.add(value)


def register_headers(headers: Mapping[str, str]) -> None:
    """Register the secrets in HTTP headers."""
    for value in secrets_in(headers):
        register(value)


def secrets_in(headers: Mapping[str, str]) -> list[str]:
    """Return the values of the HTTP headers that hold secrets."""
    found = []
    for name, value in headers.items():
        if name.lower() == "cookie":
            found += [each.partition("=")[2] for each in value.split(";")]
        elif _TELLING_HEADER.search(name):
            found.append(value.rpartition(" ")[2])  # without "Bearer"
    return found


def register_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Register the values of those fields, as of a query, that have telling names."""
    for name, value in fields:
        if _TELLING.search(name):
            register(value)


class _Known:
    """The known secrets, in all forms in which a text may hold them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._registered: dict[str, None] = {}
        self._environment: Mapping[Any, Any] | None = None
        self._forms: tuple[str, ...] = ()

    def add(self, value: str) -> None:
        if len(value) < _SHORTEST:
            return
        with self._lock:
            new = value not in self._registered
            self._registered.pop(value, None)
            self._registered[value] = None  # the latest is the last one
            if new:
                if len(self._registered) > _MOST:
                    del self._registered[next(iter(self._registered))]
                self._environment = None

    def forms(self) -> tuple[str, ...]:
        """Return the forms, the longest first."""
        if _environment() != self._environment:
            with self._lock:
                environment = dict(_environment())
                telling = (
                    value for name, value in os.environ.items() if _TELLING.search(name)
                )
                self._forms = _longest_first([*telling, *self._registered])
                # Only now may others take the forms for those of this environment.
                self._environment = environment
        return self._forms


def _environment() -> Mapping[Any, Any]:
    """Return a mapping that differs if the environment does.

    The dictionary behind `os.environ` compares with a copy of it within a
    microsecond; `os.environ` itself decodes all that it holds each time.
    """
    behind: Mapping[Any, Any] | None = getattr(os.environ, "_data", None)
    return dict(os.environ) if behind is None else behind


def _longest_first(values: Iterable[str]) -> tuple[str, ...]:
    forms = {form for value in values for form in _forms_of(value)}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


@lru_cache(maxsize=2 * _MOST)
def _forms_of(value: str) -> frozenset[str]:
    """Return the forms of one secret: as it is, escaped, in a URL, in base64."""
    value = value.strip()
    if len(value) < _SHORTEST:
        return frozenset()
    octets = value.encode("utf-8", "replace")
    forms = {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        quote(octets, safe=""),
        quote(octets),
        quote_plus(octets),
        *_in_base64(octets),
    }
    if "\n" in value:
        lines = (line.strip() for line in value.splitlines())
        forms.update(line for line in lines if len(line) >= _LINE)
    return frozenset(forms)


def _in_base64(octets: bytes) -> set[str]:
    """Return the forms of these bytes within the base64 of a longer text.

    They depend on how many bytes are before them, modulo three. Characters that
    also depend on the bytes around them are left out.
    """
    forms = set()
    for before in range(3):
        text = base64.b64encode(bytes(before) + octets).decode()
        bits = 8 * (before + len(octets))
        forms.add(text[-(-8 * before // 6) : bits // 6])
    return {form for form in forms if len(form) >= _SHORTEST}


def _masked_basic(match: re.Match[str]) -> str:
    """Mask the credentials of Basic authentication; other words may follow `Basic`."""
    try:
        secret = b":" in base64.b64decode(match["secret"], validate=True)
    except binascii.Error:
        secret = False
    return f"{match['scheme']}{MASK}" if secret else match[0]


_Masked = str | Callable[[re.Match[str]], str]


def _shape(
    word: str, pattern: str, masked: _Masked
) -> tuple[str, re.Pattern[str], _Masked]:
    """Return what recognises text that looks like a secret and contains `word`."""
    return word, re.compile(pattern, re.IGNORECASE | re.VERBOSE), masked


_HEADER_VALUE = r"""
    (?P<name> {name} [\\"']* \s* [:=] \s* (?: b(?=["']) )? [\\"']*)
    (?P<scheme> (?: basic | bearer | digest | token | negotiate ) \s+ )?
    [^\s\\"',;]+
"""

_SHAPES = (
    # Authorization: Basic dXNlcjpwYXNz, 'X-Api-Key': 'abc'
    *(
        _shape(name, _HEADER_VALUE.format(name=name), rf"\g<name>\g<scheme>{MASK}")
        for name in ("authorization", "api-key", "auth-token", "access-token")
    ),
    # Bearer xyz, but not: Bearer realm="x", Bearer authentication is needed
    _shape(
        "bearer",
        r"""\b (?P<scheme> bearer [ ]+ )
        (?! (?: auth | token | realm | error | scope | scheme | is\b | was\b | or\b ) )
        [\w.~+/=-]{3,}""",
        rf"\g<scheme>{MASK}",
    ),
    _shape(
        "basic",
        r"\b (?P<scheme> basic [ ]+ ) (?P<secret> [a-z0-9+/]{4,} ={0,2} )",
        _masked_basic,
    ),
    # https://user:password@host
    _shape("://", r"(?<=://) [^\s/?\#\"'<>\\]+ @", f"{MASK}@"),
    # ?api_key=abc
    _shape(
        "=",
        r"""(?P<name> [?&] [\w.-]* (?: (?<![a-z])(?:key|sig)
            | apikey | token | secret | password | passwd | signature ) = )
        [^&\s\"'<>\\\#]+""",
        rf"\g<name>{MASK}",
    ),
    # Keys of well-known services, which begin as these do.
    _shape("sk-", r"\b sk-[\w-]{6,}", MASK),
    _shape("gh", r"\b gh[pousr]_\w{16,}", MASK),
    _shape("github_pat_", r"\b github_pat_\w{16,}", MASK),
    _shape("xox", r"\b xox[abeoprs]-[\w-]{8,}", MASK),
    _shape("aiza", r"\b AIza[\w-]{30,}", MASK),
)

_known = _Known()
