"""Where a POST may go, how it gets there, and which parts of the response are trusted."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.core.notifications.webhook_policy import is_public, new_secret, retry_after_s
from app.notifications import safe_post
from app.notifications.safe_post import AddressRefused, NotAccepted
from app.store.traces import Sampling, Tracer
from tests.support.receiver import Receiver, never_answering, receiving


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/hook",
        "http://localhost:8080/",
        "http://[::1]/",
        "http://10.1.2.3/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[fd00::1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0.0.0.0/",
        "http://nowhere.invalid/",
        "https://user:password@example.com/",
        "ftp://example.com/",
        "http:///path",
        "http://example.com:99999/",
    ],
)
async def test_where_a_webhook_must_not_go(url: str) -> None:
    with pytest.raises(AddressRefused):
        await safe_post.checked(safe_post.parse(url), private=False)


def a_certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A server's own certificate for this name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / f"{name}.pem"
    file.write_bytes(secret + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize(("name", "taken"), [("localhost", True), ("elsewhere.example", False)])
async def test_a_certificate_has_to_be_for_the_name_and_not_for_the_address(
    tmp_path: Path, name: str, taken: bool
) -> None:
    receiver = Receiver()
    context = a_certificate(tmp_path, name)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=context)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
    trusting = ssl.create_default_context(cafile=tmp_path / f"{name}.pem")
    async with server, httpx.AsyncClient(verify=trusting, trust_env=False, timeout=20) as client:
        sent = safe_post.post(client, url, new_secret(), "m1", "{}", private=True)
        if taken:
            await sent
        else:
            with pytest.raises(NotAccepted, match="certificate"):
                await sent
    assert len(receiver.received) == taken


async def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    """A name is resolved once; the request still contains the original host name."""
    async with receiving() as receiver, safe_post.open_client() as client:
        named = receiver.url.replace("127.0.0.1", "localhost")
        secret = "whsec_" + "A" * 40
        await safe_post.post(client, named, secret, "m1", "{}", private=True)
        assert receiver.received[0].headers["host"].startswith("localhost:")
        with pytest.raises(AddressRefused):
            await safe_post.post(client, named, secret, "m1", "{}", private=False)
    with pytest.raises(NotAccepted):
        async with safe_post.open_client() as client:
            await safe_post.post(client, receiver.url, secret, "m1", "{}", private=True)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::ffff:93.184.216.34", True),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("fe80::1%eth0", False),
        ("ff02::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_retries_spread_over_a_day() -> None:
    waits = [retry_after_s(attempts, 0.5) for attempts in range(1, 30)]
    assert waits[:3] == [2, 8, 32]
    assert waits == sorted(waits)
    assert max(waits) == 4 * 3600
    tries = next(n for n in range(1, 30) if sum(waits[:n]) > 86_400)
    assert 8 < tries < 16
    assert retry_after_s(3, 0.0) < 32 < retry_after_s(3, 1.0)


async def test_the_next_address_of_a_name_is_tried_when_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address is tried at most once, and the first response is final."""
    async with receiving() as receiver, safe_post.open_client() as client:
        port = httpx.URL(receiver.url).port
        named = f"http://two.example:{port}/"
        refusing, taking = (socket.AF_INET, socket.SOCK_STREAM, 6, ""), "127.0.0.1"

        async def resolved(*_: Any, **__: Any) -> list[Any]:
            return [(*refusing, (it, port)) for it in ("127.0.0.2", taking, taking)]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
        for answer in (200, 500):
            receiver.answer = answer
            sent = safe_post.post(client, named, new_secret(), "m1", "{}", private=True)
            if answer == 200:
                assert await sent == 200
            else:
                with pytest.raises(NotAccepted, match="500"):
                    await sent
        assert [it.headers["host"] for it in receiver.received] == [f"two.example:{port}"] * 2
        with pytest.raises(AddressRefused):
            await safe_post.post(client, named, new_secret(), "m1", "{}", private=False)


async def test_a_public_address_is_allowed_and_a_name_without_any_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    public = safe_post.parse("https://93.184.216.34/hook")
    assert await safe_post.checked(public, private=False) == ["93.184.216.34"]

    async def resolved(*_: Any, **__: Any) -> list[Any]:
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    with pytest.raises(AddressRefused, match="no address"):
        await safe_post.checked(public, private=True)


@pytest.mark.parametrize(("answer", "status"), [(200, 200), (503, 503), (None, None)])
async def test_a_trace_has_the_status_if_there_was_an_answer(answer: int | None, status: int | None) -> None:
    span = Tracer(Sampling(1 << 64, follows=False), lambda _: None).request(None)
    assert span is not None
    async with receiving(answer=answer or 200) as receiver, safe_post.open_client() as client:
        url = receiver.url if answer else "http://127.0.0.1:9/"
        sent = safe_post.post(client, url, new_secret(), "m1", "{}", private=True, span=span)
        if answer == 200:
            assert await sent == 200
        else:
            with pytest.raises(NotAccepted):
                await sent
        assert span.attributes.get("http.response.status_code") == status
        assert [it.headers["traceparent"] for it in receiver.received] == [span.traceparent] * bool(answer)


async def test_a_receiver_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_post, "POST_TIMEOUT_S", 0.1)
    async with never_answering() as url, safe_post.open_client() as client:
        with pytest.raises(NotAccepted, match="no answer within"):
            await safe_post.post(client, url, new_secret(), "m1", "{}", private=True)
