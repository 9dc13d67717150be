"""A witness of public logs as a separate server: `add-checkpoint` of c2sp.org/tlog-witness.

The last signature for each log is kept in one file, and is on disk before a signature is sent. Judging and
writing are one step in one process, so the second of two concurrent submissions sees the first.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import h11
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.core.assurance import witnessing
from app.core.assurance.notes import NOTE_MAX, Verifier, cosignature_line
from app.core.assurance.witnessing import SIZE_TYPE, SignedTree, WitnessRefused
from app.core.errors import CannotRun

log = structlog.get_logger(__name__)

REQUEST_TIMEOUT_S = 10.0  # to receive a request, and again to send the response
CONNECTIONS_MAX = 100
LOGS_MAX = 100_000
READ_BYTES = 16 * 1024
PATH = b"/add-checkpoint"

Answer = tuple[int, str, str]  # status, content type, body


class Witness:
    """A witness: its key, the keys of the logs it trusts, and what it has signed."""

    def __init__(self, name: str, key: Ed25519PrivateKey, trusted: list[Verifier], file: Path) -> None:
        self._name = name
        self._key = key
        self._trusted = trusted
        self._file = file
        self._signed = (
            msgspec.json.decode(file.read_bytes(), type=dict[str, SignedTree]) if file.exists() else {}
        )
        self.connections = 0

    def add_checkpoint(self, body: bytes) -> Answer:
        """Sign a checkpoint, or return why it is refused."""
        origin = ""
        try:
            submission = witnessing.read(body)
            origin = submission.checkpoint.origin
            signed = witnessing.judge(submission, self._trusted, self._signed.get(origin))
            if len(self._signed) >= LOGS_MAX and origin not in self._signed:
                raise WitnessRefused(503, f"this witness accepts no more than {LOGS_MAX} logs")
        except WitnessRefused as refusal:
            log.warning(
                "refused a checkpoint",
                status=refusal.status,
                origin=origin,
                why=str(refusal),
                sent=_log_text(body),
            )
            if refusal.size is not None:
                return refusal.status, SIZE_TYPE, f"{refusal.size}\n"
            return refusal.status, "text/plain", f"{refusal}\n"
        if signed != self._signed.get(origin):
            self._keep({**self._signed, origin: signed})
        line = cosignature_line(self._name, submission.text, self._key, int(time.time()))
        return 200, "text/plain; charset=utf-8", line

    def _keep(self, signed: dict[str, SignedTree]) -> None:
        """Write what has been signed; it is on disk when this returns."""
        following = self._file.with_suffix(".new")
        with open(following, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(signed), indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.replace(following, self._file)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._signed = signed


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock that lets only one process sign with a key, since two would not see each other's
    signatures.

    Raises CannotRun.
    """
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotRun(f"another witness runs on {path.parent}") from None
        yield


async def serve(server: asyncio.Server) -> None:
    """Serve until cancelled."""
    async with server:
        await server.serve_forever()


async def listen(witness: Witness, host: str, port: int) -> asyncio.Server:
    """Listen at this address; port 0 picks a free one."""
    return await asyncio.start_server(partial(_connected, witness), host, port)


async def _connected(witness: Witness, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    witness.connections += 1
    try:
        if witness.connections <= CONNECTIONS_MAX:
            with suppress(OSError, TimeoutError, h11.ProtocolError):
                await _answer_request(witness, reader, writer)
    finally:
        witness.connections -= 1
        writer.close()


async def _answer_request(
    witness: Witness, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    connection = h11.Connection(h11.SERVER)
    async with asyncio.timeout(REQUEST_TIMEOUT_S):
        request, body = await _read(connection, reader)
    if request is None:
        return
    status, kind, text = _answer(witness, request, body)
    content = text.encode()
    headers = {"content-type": kind, "content-length": str(len(content)), "connection": "close"}
    response = connection.send(h11.Response(status_code=status, headers=list(headers.items())))
    response += connection.send(h11.Data(data=b"" if request.method == b"HEAD" else content))
    response += connection.send(h11.EndOfMessage())
    async with asyncio.timeout(REQUEST_TIMEOUT_S):
        writer.write(response)
        await writer.drain()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request | None, bytes]:
    """Return the request and its body, which is truncated once it is too long."""
    request, body = None, b""
    while len(body) <= NOTE_MAX:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            break
    return request, body


def _answer(witness: Witness, request: h11.Request, body: bytes) -> Answer:
    if request.target != PATH:
        return 404, "text/plain", "Only /add-checkpoint is served here.\n"
    if request.method != b"POST":
        return 405, "text/plain", "Only POST is allowed.\n"
    return witness.add_checkpoint(body)


def _log_text(body: bytes) -> str:
    """The end of a request body for the log: a refused checkpoint is evidence."""
    return body[-2_000:].decode(errors="replace")
