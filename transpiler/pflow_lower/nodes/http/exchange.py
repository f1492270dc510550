"""One HTTP exchange: a request, its redirects, and the answer.

Connections are kept and shared by all exchanges of a run. Cookies are not: those that a
server sets for one item of a batch must not affect the others.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pflow_lower.nodes.http.call import Call
from pflow_lower.nodes.support.answers import quoted, reason
from pflow_lower.support.resources import borrowed
from pflow_lower.support.secrets import (
    mask,
    mask_octets,
    mask_values,
    register,
    register_fields,
    secrets_in,
)

if TYPE_CHECKING:
    from ssl import SSLContext

    from httpx2 import URL, AsyncClient, Request, Response

_REDIRECTS = 20
_IDLE_CONNECTIONS = 100
_LONG = 12
"""The shortest secret that an answer is unlikely to contain for other reasons."""

_HARMLESS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-encoding",
        "content-language",
        "content-length",
        "content-type",
        "host",
        "if-modified-since",
        "if-none-match",
        "range",
        "transfer-encoding",
        "user-agent",
    }
)
"""The headers that are kept when a redirect leads to another server. Any other may be
a secret that was meant for the first server only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the last server answered; `source` is its URL without secrets.

    `body` ends at the limit if `is_cut`. The names of headers are in lower case. A
    secret of the request that the server repeats is masked.
    """

    status: int
    reason: str
    headers: dict[str, str]
    charset: str | None
    body: bytes
    is_cut: bool
    source: str


async def send(call: Call, *, limit: int, limit_on_error: int) -> Answer:
    """Send a request, follow redirects if asked to, and read up to a limit.

    The limit applies to the decompressed body; for a status of 400 or above it is
    `limit_on_error`. Raises ValueError for a URL that is not valid, ConnectionError
    if the exchange fails, TimeoutError, and ImportError without httpx2.
    """
    async with borrowed(_open_client) as client:
        request = _request(client, call)
        try:
            async with asyncio.timeout(call.timeout):
                response = await _last_response(client, request, call.follow_redirects)
                is_error = response.status_code >= 400
                most = limit_on_error if is_error else limit
                return await _read(response, most, _secrets(request))
        except TimeoutError:
            raise TimeoutError(
                f"{call.method} {_shown(request.url)}: "
                f"no complete answer within {call.timeout:g} s"
            ) from None


async def _last_response(
    client: "AsyncClient", request: "Request", follow_redirects: bool
) -> "Response":
    """Send a request and follow its redirects; the body is not read yet."""
    for _ in range(_REDIRECTS + 1):
        with _naming(request.url):
            response = await client.send(request, stream=True)
        following = response.next_request if follow_redirects else None
        if following is None:
            return response
        await response.aclose()
        request = _redirected(request, following)
    raise ConnectionError(f"{_shown(request.url)}: more than {_REDIRECTS} redirects")


def _shown(url: "URL") -> str:
    """Return a URL without what may be secret: user, password and query."""
    return mask(f"{url.scheme}://{_server(url)}{url.path}")


def _open_client() -> "AsyncClient":
    try:
        import httpx2
    except ImportError as exc:
        raise ImportError(
            "nodes of type http need an extra: pip install 'pflow-lower[http]'"
        ) from exc
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    return httpx2.AsyncClient(
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        # The batch limits how many requests are made at once, and there is one
        # deadline for the whole exchange.
        limits=httpx2.Limits(
            max_connections=None, max_keepalive_connections=_IDLE_CONNECTIONS
        ),
        timeout=None,
        verify=_trust(),
    )


@cache
def _trust() -> "SSLContext":
    """Load the trusted certificates once: it takes longer than many exchanges."""
    import httpx2

    return httpx2.create_ssl_context()


def _request(client: "AsyncClient", call: Call) -> "Request":
    import httpx2

    try:
        url = httpx2.URL(call.url)
        if call.query:
            added = urlencode(call.query).encode()
            url = url.copy_with(query=url.query + b"&" * bool(url.query) + added)
    except httpx2.InvalidURL as exc:
        raise ValueError(f'param "url": {exc}') from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(
            'param "url": expected a URL that begins with http:// or https://, '
            f'found "{quoted(call.url)}"'
        )
    register(url.password or url.username)
    register_fields(url.params.multi_items())
    return client.build_request(
        call.method, url, headers=call.headers, content=call.content
    )


def _redirected(request: "Request", following: "Request") -> "Request":
    """Remove from a request what the target of a redirect must not get."""
    if following.url.origin != request.url.origin:
        for name in set(following.headers) - _HARMLESS:
            del following.headers[name]
    elif "cookie" in request.headers:
        following.headers["cookie"] = request.headers["cookie"]
    return following


def _secrets(request: "Request") -> list[str]:
    """Return the secrets of a request that are long enough to mask in an answer."""
    found = [request.url.password, *secrets_in(request.headers)]
    return [value for value in found if len(value) >= _LONG]


async def _read(response: "Response", limit: int, secrets: list[str]) -> Answer:
    body = bytearray()
    try:
        with _naming(response.url):
            async with aclosing(response.aiter_bytes()) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > limit:
                        break
    finally:
        await response.aclose()
    return Answer(
        status=response.status_code,
        reason=response.reason_phrase,
        headers={
            name: mask_values(value, secrets)
            for name, value in response.headers.items()
        },
        charset=response.charset_encoding,
        body=mask_octets(bytes(body[:limit]), secrets),
        is_cut=len(body) > limit,
        source=_shown(response.url),
    )


@contextmanager
def _naming(url: "URL") -> Iterator[None]:
    """Raise what goes wrong as a ConnectionError that names the server."""
    import httpx2

    try:
        yield
    except httpx2.ConnectError as exc:
        raise ConnectionError(
            f"cannot connect to {_server(url)}: {reason(exc)}"
        ) from exc
    except httpx2.DecodingError as exc:
        raise ConnectionError(
            f"the answer of {_shown(url)} cannot be decompressed: {reason(exc)}"
        ) from exc
    except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
        raise ConnectionError(
            f"the exchange with {_server(url)} failed: {reason(exc)}"
        ) from exc


def _server(url: "URL") -> str:
    return url.netloc.decode("ascii")
