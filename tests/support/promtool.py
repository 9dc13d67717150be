"""Check served metrics with Prometheus' own tool."""

from __future__ import annotations

import asyncio
import shutil
import subprocess

import pytest


async def check_metrics(text: str) -> None:
    """`promtool check metrics` has no complaints about this scrape."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    command = [promtool, "check", "metrics"]
    ended = await asyncio.to_thread(
        subprocess.run, command, input=text, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
