"""A witness as others run it: the program in a process of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from app.core.assurance.notes import Verifier, verifier_of
from tests.support import forked_commands


@dataclass
class RunningWitness:
    """The witness's address and its key."""

    url: str
    key: Verifier

    @property
    def setting(self) -> str:
        """Its entry in FAIRGATE_WITNESSES."""
        return f"{self.url} {self.key.vkey}"

    async def add(self, text: str) -> httpx.Response:
        """Send it a submission."""
        async with httpx.AsyncClient(verify=False, timeout=20) as client:
            return await client.post(f"{self.url}/add-checkpoint", content=text.encode())


@asynccontextmanager
async def a_witness(
    folder: Path, log_vkey: str, name: str = "paper.example/w1"
) -> AsyncIterator[RunningWitness]:
    """Run `fairgate witness` until the block ends."""
    running, out = _started("--log", log_vkey, "--name", name, "--data", str(folder), "--port", "0")
    try:
        with out:
            lines = [await asyncio.to_thread(out.readline) for _ in range(2)]
        printed = dict(line.decode().split() for line in lines)
        yield RunningWitness(
            printed["listening"].removesuffix("/add-checkpoint"), verifier_of(printed["vkey"])
        )
    finally:
        running.kill()


def _started(*options: str) -> tuple[forked_commands.Forked, IO[bytes]]:
    """A witness, and what it prints."""
    reading, writing = os.pipe()
    with open(writing, "wb") as out, open(os.devnull, "r+b") as nothing:
        running = forked_commands.start(
            ["witness", *options], dict(os.environ), None, [nothing, out, nothing]
        )
    return running, open(reading, "rb")
