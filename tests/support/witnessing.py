"""A witness as others run it: the program in its own process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.core.notes import Verifier, verifier_of


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
    command = (
        "-m",
        "fairgate",
        "witness",
        "--log",
        log_vkey,
        "--name",
        name,
        "--data",
        str(folder),
        "--port",
        "0",
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            said = dict([(await process.stdout.readline()).decode().split() for _ in range(2)])
        yield RunningWitness(said["listening"].removesuffix("/add-checkpoint"), verifier_of(said["vkey"]))
    finally:
        process.kill()
        await process.wait()
