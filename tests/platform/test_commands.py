"""Operator commands on running stores: each does one thing and reports it in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import asyncpg
import pytest

from app.core.model import RoomId
from app.core.tokens.signing_key import PURPOSES
from app.store.connections import Stores
from app.store.keys import RoomKeys
from tests.platform.outside import Run

CONCERT = """
event_id: concert
name: A Concert
starts_at: 2030-06-01T19:00:00Z
room: {admission_rate_per_minute: 60}
ticket_types:
  - {ticket_type_id: standing, name: Standing, price: 5000, quantity: 100}
  - {ticket_type_id: seated, name: Seated, price: 8000, quantity: 50}
"""

write = Path.write_text  # a few bytes, in tests that are not in a hurry


@pytest.fixture
async def concert(run: Run, tmp_path: Path) -> Path:
    """A file with an event that has been imported."""
    file = tmp_path / "concert.yaml"
    file.write_text(CONCERT)
    assert (await run("event", "import", str(file))).out == "event concert created; its room is concert\n"
    return file


async def audited(database_url: str) -> list[str]:
    """Command-line actions in the audit log, oldest first."""
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT subject, role, action, kind, id FROM audit ORDER BY audit_id")
    await connection.close()
    assert {(row["subject"], row["role"]) for row in rows} == {("cli", "cli")}
    return [f"{row['action']} {row['kind']} {row['id']}" for row in rows]


async def test_an_event_is_imported_and_imported_again(run: Run, concert: Path, database_url: str) -> None:
    changed = concert.with_name("changed.yaml")
    write(changed, CONCERT.replace("quantity: 100", "quantity: 120"))
    assert "updated from the file" in (await run("event", "import", str(changed))).out
    connection = await asyncpg.connect(database_url)
    totals = await connection.fetch("SELECT total FROM ticket_types ORDER BY total")
    await connection.close()
    assert [row["total"] for row in totals] == [50, 120]
    assert (await audited(database_url))[4:] == ["change ticket_type concert/standing"]  # and nothing else


async def test_an_import_in_another_currency_after_a_reservation_is_refused_and_changes_nothing(
    run: Run, concert: Path, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO reservations (reservation_id, event_id, visitor_id, status, items, amount, currency, "
        "fingerprint, expires_at) VALUES ('r', 'concert', 'v', 'expired', '[]', 0, 'EUR', 'f', now())"
    )
    look = "SELECT to_jsonb(e), to_jsonb(t) FROM events e JOIN ticket_types t USING (event_id) ORDER BY 2"
    before = await connection.fetch(look)
    other = concert.with_name("other.yaml")
    write(other, CONCERT.replace("name: A Concert", "currency: JPY\nname: A Ball").replace("5000", "1000"))
    assert "currency" in (await run("event", "import", str(other), code=1)).err
    assert await connection.fetch(look) == before
    await connection.close()


async def test_a_json_file_does_too(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "concert.json"
    event = {"event_id": "talk", "name": "A Talk", "starts_at": "2030-06-01T19:00:00Z"}
    file.write_text(json.dumps(event))
    assert "event talk created" in (await run("event", "import", str(file))).out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("event_id: [", "concert.yaml"),
        (CONCERT.replace("price: 5000", "price: -1"), "price"),
        (CONCERT.replace("venue", "place") + "colour: red\n", "colour"),
        ("just words", "concert.yaml"),
    ],
)
async def test_a_wrong_file_is_refused_naming_what_is_wrong(
    run: Run, tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "concert.yaml"
    file.write_text(text)
    ended = await run("event", "import", str(file), code=1)
    assert message in ended.err
    several = "more)" in ended.err
    assert ended.out.count("line ") >= 2 if several else not ended.out


async def test_a_file_that_is_not_there(run: Run, tmp_path: Path) -> None:
    assert "No such file" in (await run("event", "import", str(tmp_path / "none.yaml"), code=1)).err


@pytest.mark.usefixtures("concert")
async def test_a_room_is_listed_opened_paused_resumed_and_closed(run: Run, database_url: str) -> None:
    assert re.search(
        r"^concert +scheduled +0 +0 +0 +60 +150 +sale$", (await run("room", "list")).out, re.MULTILINE
    )
    for action, state in (("open", "open"), ("pause", "paused"), ("resume", "open"), ("close", "closed")):
        assert (await run("room", action, "concert")).out == f"concert is {state}\n"
    assert "concert" in (await run("room", "list")).out
    ended = await run("room", "resume", "concert", code=1)
    assert ended.err.startswith("fairgate: ")
    assert await audited(database_url) == [
        *("create room concert", "create event concert"),
        *("create ticket_type concert/standing", "create ticket_type concert/seated"),
        *("open room concert", "pause room concert", "resume room concert", "close room concert"),
    ]


@pytest.mark.usefixtures("concert")
async def test_settings_of_a_room_are_set_and_shown(run: Run, database_url: str) -> None:
    await run(
        "room", "set", "concert",
        *("admission_rate_per_minute=900", "active_visitors_max=null", "message=Doors at 7", "public=false"),
    )  # fmt: skip
    shown = json.loads((await run("room", "show", "concert")).out)
    settings = shown["settings"]
    assert (settings["admission_rate_per_minute"], settings["active_visitors_max"]) == (900, None)
    assert (settings["message"], settings["public"]) == ("Doors at 7", False)
    assert shown["available"] == 150
    assert (await audited(database_url))[-1] == "change room concert"


@pytest.mark.usefixtures("concert")
async def test_sites_are_set_found_listed_and_removed(run: Run, database_url: str) -> None:
    await run("site", "set", "Shop.Example/tickets", "concert")
    assert (await run("site", "set", "*.example", "concert", "--method", "POST")).out == (
        "*.example/: POST -> concert\n"
    )
    listed = [line.split() for line in (await run("site", "list")).out.splitlines()[1:]]
    assert listed == [
        ["shop.example", "/tickets", "any", "concert"],
        ["*.example", "/", "POST", "concert"],
    ]
    assert (await run("site", "find", "https://SHOP.example:443/TICKETS/7?a=1")).out == "concert\n"
    assert "passes" in (await run("site", "find", "shop.example/")).out
    assert (await run("site", "find", "shop.example/", "--method", "POST")).out == "concert\n"
    assert "there is no room nowhere" in (await run("site", "set", "a.example", "nowhere", code=1)).err
    assert "must have no port" in (await run("site", "set", "a.example:81", "concert", code=2)).err
    assert "more than one way" in (await run("site", "find", "shop.example//tickets", code=1)).err
    assert "no rule" in (await run("site", "remove", "shop.example", code=1)).err
    await run("site", "remove", "shop.example/tickets")
    assert (await run("site", "find", "shop.example/tickets")).out.startswith("no rule")
    assert (await audited(database_url))[4:] == ["change sites all"] * 3


@pytest.mark.usefixtures("concert")
@pytest.mark.parametrize("change", ["colour=red", "admission_rate_per_minute=fast", "claim_window_s=1"])
async def test_a_wrong_setting_is_refused_by_name(run: Run, change: str) -> None:
    assert change.partition("=")[0] in (await run("room", "set", "concert", change, code=1)).err


@pytest.mark.parametrize("command", ["show", "open"])
async def test_an_unknown_room(run: Run, command: str) -> None:
    assert "no such room" in (await run("room", command, "none", code=1)).err


@pytest.mark.usefixtures("concert")
async def test_check_says_whether_both_stores_agree(run: Run, database_url: str) -> None:
    await run("room", "open", "concert")
    for which in ("concert", "--all"):
        assert (await run("check", which)).out.startswith("concert: free + held + sold = total")
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE ticket_types SET sold = 1 WHERE ticket_type_id = 'seated'")
    await connection.close()
    ended = await run("check", "concert", code=1)
    assert "seated" in ended.out
    assert "concert" in ended.err


@pytest.mark.usefixtures("concert")
async def test_reconcile_tells_drift_and_mends_what_is_safe(
    run: Run, stores: Stores, database_url: str
) -> None:
    await run("room", "open", "concert")
    assert (await run("reconcile", "--all", "--check")).out == "concert: no drift\n"
    await stores.redis.hincrby(RoomKeys(RoomId("concert")).stock, "free:seated", 3)
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE ticket_types SET sold = 1 WHERE ticket_type_id = 'standing'")
    check = await run("reconcile", "concert", "--check", code=1)
    assert "concert: drift: Redis: seated: free + held + sold" in check.out
    assert "concert: drift: Postgres: counters and rows" in check.out
    assert "concert" in check.err
    await connection.execute("UPDATE ticket_types SET sold = 0")
    await connection.close()
    assert "concert: repaired: Redis: seated: free + held + sold" in (await run("reconcile", "concert")).out
    assert "no such event" in (await run("reconcile", "none", code=1)).err


async def test_check_of_an_unknown_event_and_where_there_is_none(run: Run) -> None:
    assert "no such event" in (await run("check", "none", code=1)).err
    assert (await run("check", "--all")).out == ""


async def test_a_token_stands_alone_on_stdout(run: Run) -> None:
    ended = await run("token", "--role", "operator", "--sub", "me")
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", ended.out)


async def test_keys_rotate_with_overlap(run: Run, database_url: str) -> None:
    await run("token", "--role", "user", "--sub", "me")  # creates the first key
    new = {line.split()[1] for line in (await run("keys", "rotate")).out.splitlines()}
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT kid FROM signing_keys WHERE retired_at IS NULL")
    await connection.close()
    assert {row["kid"] for row in rows} == new
    assert len(new) == len(PURPOSES)
    assert (await run("keys", "revoke", min(new))).out.startswith(f"revoked {min(new)}")
    assert "revoked before" in (await run("keys", "revoke", min(new), code=1)).err


async def test_webhooks_are_listed_and_replayed(run: Run, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO webhooks (webhook_id, url, types, description, secret, disabled_at, failure, failed_at) "
        "VALUES ('wh_1', 'https://example.com/hook', '{}', '', 's', now(), 'answered 500', '2030-01-01Z')"
    )
    for subject in ("r1", "r2"):
        await connection.execute(
            "INSERT INTO outbox (type, subjects, queued) VALUES ('room.opened', ARRAY[$1], true)", subject
        )
    await connection.execute(
        "INSERT INTO deliveries (webhook_id, number, ordinal, thread, given_up_at) "
        "SELECT 'wh_1', min(number), 1, 'r1', now() FROM outbox"
    )
    listed = (await run("webhook", "list")).out.splitlines()
    assert len(listed) == 2
    assert re.fullmatch(
        r"wh_1 +disabled +0 +1 +https://example.com/hook +2030-01-01T00:00:00Z answered 500", listed[1]
    )
    assert (await run("webhook", "replay", "wh_1")).out == "wh_1: 1 to be delivered again\n"
    assert "enabled" in (await run("webhook", "list")).out
    again = await run("webhook", "replay", "wh_1", "--since", "2020-01-01")
    assert again.out == "wh_1: 1 to be delivered again\n"  # the other one is already in flight
    assert await connection.fetchval("SELECT count(*) FROM deliveries WHERE given_up_at IS NULL") == 2
    await connection.close()
    assert "no such webhook" in (await run("webhook", "replay", "wh_2", code=1)).err
    await run("webhook", "replay", "wh_1", "--since", "yesterday", code=2)
