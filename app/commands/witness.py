"""witness: cosigns the public logs of another installation."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import logs
from app.commands.command_settings import read_settings
from app.core.assurance.notes import COSIGNER, LOG, Verifier, verifier, verifier_of
from app.core.errors import CannotRun, WrongUsage

KEY, STATE, LOCK = "witness.key", "witness.json", "witness.lock"
HOST, PORT = "127.0.0.1", 8085
Log = Annotated[
    list[str],
    typer.Option(
        "--log",
        metavar="VKEY",
        help="The key of logs to cosign, the vkey of a room's log/head: it counts for all rooms there.",
    ),
]
Name = Annotated[str, typer.Option("--name", help="What it is called, such as paper.example/witness.")]
Folder = Annotated[Path, typer.Option("--data", help="Folder for its key, and for what it signed.")]
Host = Annotated[str, typer.Option(help="Address to listen on; put a proxy with TLS before it.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")]


def witness(*, log: Log, name: Name, data: Folder, host: Host = HOST, port: Port = PORT) -> None:
    """Run a witness of public logs: it cosigns every tree that extends the one it signed before.

    It prints its own key, for the installation (FAIRGATE_WITNESSES) and for auditors (`fairgate audit
    --witness`). It needs no store, only a file with what it has signed. Keep that file and the key.
    """
    if not name or any(it.isspace() or it == "+" for it in name):
        raise WrongUsage("--name: a name without spaces and +, such as paper.example/witness")
    trusted = [_log_key(it) for it in log]
    logs.configure(read_settings(None), "witness")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    asyncio.run(_serve(name, _key(data / KEY), trusted, data, host, port))


async def _serve(
    name: str, key: Ed25519PrivateKey, trusted: list[Verifier], data: Path, host: str, port: int
) -> None:
    from app.runtime import witness as server  # slow to import

    with server.alone(data / LOCK):
        served = server.Witness(name, key, trusted, data / STATE)
        listening = await server.listen(served, host, port)
        print(f"vkey {verifier(name, COSIGNER, key).vkey}", flush=True)
        at = listening.sockets[0].getsockname()
        print(f"listening http://{at[0]}:{at[1]}/add-checkpoint", flush=True)
        await server.serve(listening)


def _log_key(vkey: str) -> Verifier:
    try:
        verifier = verifier_of(vkey)
    except ValueError as error:
        raise WrongUsage(f"--log {vkey}: {error}") from None
    if verifier.kind != LOG:
        raise WrongUsage(f"--log {vkey}: it is the key of a witness, not of a log")
    return verifier


def _key(path: Path) -> Ed25519PrivateKey:
    """Read the witness's key, creating it on the first start. Raises CannotRun."""
    if not path.exists():
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(Ed25519PrivateKey.generate().private_bytes_raw())
            file.flush()
            os.fsync(file.fileno())
    try:
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    except ValueError:
        raise CannotRun(f"{path} is not the key of a witness") from None
