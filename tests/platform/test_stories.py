"""`fairgate demo --story`: every answer is as told, and any other one ends with exit code 1."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.platform.outside import Up, fairgate


async def test_the_failures_are_told_on_an_installation_of_its_own_that_leaves_nothing(
    tmp_path: Path,
) -> None:
    ended = await fairgate("demo", "--story", "failures", TMPDIR=str(tmp_path))
    assert ended.code == 0, ended.out + ended.err
    assert re.search(r"(\d+) calls, each with the expected response\n$", ended.out)
    statuses = set(re.findall(r"<- (\d{3} \w+)", ended.out))
    assert statuses >= {
        *("409 room_not_open", "404 event_not_found", "422 validation_failed", "409 seat_taken"),
        *("404 reservation_not_found", "402 payment_declined", "410 hold_expired", "410 no_show"),
        *("409 sold_out", "503 store_unavailable", "409 room_closed"),
    }
    assert "\x1b" not in ended.out  # no colours without a terminal
    assert not re.search(r'_token":"[^"]{20}', ended.out)
    assert os.listdir(tmp_path) == []


async def test_a_story_is_told_at_a_running_installation_by_an_admin_only(installation: Up) -> None:
    arguments = ("demo", "--story", "success", "--url", installation.url, "--key", "-")
    token = await fairgate("token", "--role", "admin", "--sub", "me", "--data", str(installation.data))
    ended = await fairgate(*arguments, typed=token.out)
    assert ended.code == 0, ended.out
    operator = await fairgate("token", "--role", "operator", "--sub", "me", "--data", str(installation.data))
    ended = await fairgate(*arguments, typed=operator.out)
    assert ended.code == 1
    assert "WRONG  not 201" in ended.out
    assert ended.err == "fairgate: POST /v1/events answered 403 role_required, not 201\n"


async def test_a_story_that_cannot_be_told_is_wrong_usage() -> None:
    for arguments in (
        ["--url", "http://127.0.0.1:9"],
        ["--story", "success", "--url", "ftp://x", "--key", "x"],
    ):
        ended = await fairgate("demo", *arguments)
        assert (ended.code, len(ended.err.splitlines())) == (2, 1)
