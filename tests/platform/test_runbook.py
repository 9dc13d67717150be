"""Every command of the runbook does what it promises, on an installation that sells."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.platform.outside import Up, fairgate
from tests.support.http import plain_client

ROOT = Path(__file__).parents[2]
ELSEWHERE = ("keys revoke KID", "webhook replay WEBHOOK")  # other tests create what these name
PAGES = ("docs/runbook.md", "docs/how-to/keys.md")
COMMANDS = [
    (page, command)
    for page in PAGES
    for block in re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    for command in re.findall(r"^\$ fairgate (.+?)(?:\s{2,}#.*)?$", block, re.MULTILINE)
    if command not in ELSEWHERE
]
ROOM = "by-the-book"
ENDLESS = ("worker",)  # they run until stopped
NAMED = {"ROOM": ROOM, "EVENT": ROOM}


@pytest.fixture(scope="module")
async def names(installation: Up) -> dict[str, str]:
    """An event on sale: the values for the placeholders of the pages."""
    token = await fairgate("token", "--role", "admin", "--sub", "a-reader", "--data", str(installation.data))
    headers = {"authorization": f"Bearer {token.out.strip()}"}
    event = {"event_id": ROOM, "name": "By the book", "starts_at": "2035-01-01T20:00:00Z"}
    floor = {"ticket_type_id": "floor", "name": "Floor", "price": 5000, "quantity": 10}
    async with plain_client(installation.url, timeout=30, headers=headers) as client:
        for path, body in (
            ("/v1/events", event),
            (f"/v1/events/{ROOM}/ticket-types", floor),
            (f"/v1/rooms/{ROOM}/open", {}),
        ):
            answer = await client.post(path, json=body)
            assert answer.status_code in (200, 201), answer.text
    return NAMED


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[it for _, it in COMMANDS])
async def test_a_command_of_the_book_works(
    page: str, command: str, names: dict[str, str], installation: Up
) -> None:
    words = [names.get(it, it) for it in shlex.split(command)]
    if command in ENDLESS:
        words.append("--help")
    else:
        words += ["--data", str(installation.data)]
    ended = await fairgate(*words)
    allowed = (0, 1) if words[0] == "doctor" else (0,)  # 1: it found something about this machine
    assert ended.code in allowed, (page, command, ended.err)
    assert ended.out.strip()


def test_the_book_has_commands() -> None:
    assert {it.split()[0] for _, it in COMMANDS} >= {"doctor", "check", "room", "reconcile", "keys"}
