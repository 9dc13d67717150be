"""Sends to addresses chosen by others: public ones only, signed, with a deadline.

The name is resolved once and the connection made to the address that was checked, so that a name that changes
its address a moment later gains nothing. Redirects are not followed; responses are cut off.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlencode

from standardwebhooks import Webhook

from app.core.notifications.webhook_policy import is_public
from app.core.text.error_text import describe_error
from app.store.traces import Span

if TYPE_CHECKING:
    import httpx  # otherwise imported where it is used: few processes send anything

POST_TIMEOUT_S = 10.0  # in total, from name to response; less than the lease of a delivery
ANSWER_MAX = 16 * 1024  # bytes read of a response; usually only the status matters
ADDRESSES_MAX = 4  # of one name, tried in turn
USER_AGENT = "Fairgate-Webhooks/1"

Client: TypeAlias = "httpx.AsyncClient"


class AddressRefused(Exception):
    """The address is refused; the message says why."""


class NotAccepted(Exception):
    """The receiver did not accept it. `status` is that of its response, None if there was none."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status

    @property
    def is_gone(self) -> bool:
        """Whether the receiver never will, because the address is gone (410)."""
        return self.status == 410


@cache
def _authorities() -> ssl.SSLContext:
    """Those known to this machine; reading them takes 30 ms, too long for each client."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


@asynccontextmanager
async def open_client() -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps no connections, because the next request may go elsewhere."""
    import httpx

    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(
        timeout=POST_TIMEOUT_S,
        limits=limits,
        follow_redirects=False,
        trust_env=False,
        verify=_authorities(),
    ) as client:
        yield client


def parse(url: str) -> httpx.URL:
    """Parse an address. Raises AddressRefused unless it is http(s) with a host."""
    import httpx

    try:
        parsed = httpx.URL(url)
        port = parsed.port
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise AddressRefused(f"is not a valid address: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or port == 0:
        raise AddressRefused("must be http:// or https:// and a host")
    if parsed.userinfo:
        raise AddressRefused("must not have a user or password in it")
    return parsed


async def checked(url: httpx.URL, *, private: bool) -> list[str]:
    """Resolve the IP addresses to connect to, in turn.

    Raises AddressRefused if there is none or, unless `private`, any of them is not public.
    """
    loop = asyncio.get_running_loop()
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        async with asyncio.timeout(POST_TIMEOUT_S):
            resolved = await loop.getaddrinfo(url.raw_host.decode(), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefused(f"its host cannot be found: {describe_error(error)}") from None
    addresses = list(dict.fromkeys(str(it[4][0]) for it in resolved))
    if not addresses:
        raise AddressRefused("its host has no address")
    if not private:
        for address in addresses:
            if not is_public(address):
                raise AddressRefused(
                    f"its host is at {address}, which is not public; FAIRGATE_WEBHOOKS_PRIVATE=on allows it"
                )
    return addresses[:ADDRESSES_MAX]


async def post(
    client: httpx.AsyncClient,
    url: str,
    secret: str,
    message_id: str,
    body: str,
    *,
    private: bool,
    span: Span | None = None,
) -> int:
    """Send one signed message inside `span`; returns the status of the response if it was accepted (2xx).

    Raises AddressRefused, NotAccepted.
    """
    now = datetime.now(UTC)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body),
    }
    if span is None:
        return await _send(client, "POST", url, body.encode(), headers, private=private)
    headers["traceparent"] = span.traceparent
    try:
        status: int | None = None
        status = await _send(client, "POST", url, body.encode(), headers, private=private)
    except NotAccepted as error:
        status = error.status
        raise
    finally:
        if status is not None:
            span.attributes["http.response.status_code"] = status
    return status


async def put_body(client: httpx.AsyncClient, url: str, body: bytes, *, private: bool) -> int:
    """Send a document that carries its own signature; returns the status if it was accepted.

    Raises AddressRefused, NotAccepted.
    """
    return await _send(client, "PUT", url, body, {}, private=private)


async def get(client: httpx.AsyncClient, url: str, *, private: bool) -> bytes:
    """Fetch a document, truncated if long. Raises AddressRefused, NotAccepted."""
    _, answer = await _exchange(client, "GET", url, b"", {"accept-encoding": "identity"}, private=private)
    return answer


async def post_text(
    client: httpx.AsyncClient, url: str, text: str, *, private: bool
) -> tuple[int, str, bytes]:
    """Post text; returns status, content type and body of the response, whatever the status.

    Raises AddressRefused, NotAccepted.
    """
    headers = {"content-type": "text/plain; charset=utf-8", "accept-encoding": "identity"}
    answer, body = await _answered(client, "POST", url, text.encode(), headers, private=private)
    return answer.status_code, answer.headers.get("content-type", ""), body


async def post_form(client: httpx.AsyncClient, url: str, form: Mapping[str, str], *, private: bool) -> bytes:
    """Post a form; returns the response, truncated if long. Raises AddressRefused, NotAccepted."""
    headers = {"content-type": "application/x-www-form-urlencoded", "accept-encoding": "identity"}
    _, answer = await _exchange(client, "POST", url, urlencode(form).encode(), headers, private=private)
    return answer


async def _send(
    client: httpx.AsyncClient, method: str, url: str, body: bytes, more: dict[str, str], *, private: bool
) -> int:
    status, _ = await _exchange(client, method, url, body, more, private=private)
    return status


async def _exchange(
    client: httpx.AsyncClient, method: str, url: str, body: bytes, more: dict[str, str], *, private: bool
) -> tuple[int, bytes]:
    answer, text = await _answered(client, method, url, body, more, private=private)
    if not answer.is_success:
        raise NotAccepted(f"answered {answer.status_code}", answer.status_code)
    return answer.status_code, text


async def _answered(
    client: httpx.AsyncClient, method: str, url: str, body: bytes, more: dict[str, str], *, private: bool
) -> tuple[httpx.Response, bytes]:
    import httpx

    target = parse(url)
    headers = {
        "host": target.netloc.decode("ascii"),
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        **more,
    }
    try:
        async with asyncio.timeout(POST_TIMEOUT_S):
            addresses = await checked(target, private=private)
            for address in addresses:
                request = client.build_request(
                    method,
                    target.copy_with(host=address),
                    content=body,
                    headers=headers,
                    timeout=httpx.Timeout(POST_TIMEOUT_S, connect=POST_TIMEOUT_S / len(addresses)),
                    extensions={"sni_hostname": target.raw_host.decode("ascii")},
                )
                try:
                    answer = await client.send(request, stream=True)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    if address == addresses[-1]:  # nothing was sent so far, so another address may work
                        raise
                    continue
                try:
                    text = await _read_some(answer)
                finally:
                    await answer.aclose()
                break
    except TimeoutError:
        raise NotAccepted(f"no answer within {POST_TIMEOUT_S:.0f} s") from None
    except httpx.HTTPError as error:
        raise NotAccepted(describe_error(error)[:200]) from None
    return answer, text


async def _read_some(answer: httpx.Response) -> bytes:
    """Read the start of a response; the rest is not needed."""
    text = b""
    async for chunk in answer.aiter_raw():
        text += chunk
        if len(text) > ANSWER_MAX:
            break
    return text[:ANSWER_MAX]
