"""Rooms without an event on the command line: created, reset, deleted, in files, with calls by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.model import RoomId
from app.core.tokens.place_tokens import new_visitor_id
from app.settings import Settings
from app.store.connections import Stores
from app.waiting_room import queue
from app.waiting_room.joining import Joiner
from tests.platform.outside import Run

SHOP = ("target_url=https://shop.example/", "active_visitors_max=2", "name=The shop")
SOONER, LATER = "2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z"
RULES = [{"path_prefix": "/healthz"}, {"user_agent_contains": "yes"}]


async def join(stores: Stores, count: int) -> None:
    queues = queue.open_queues(stores, Settings(rate_limits=False))
    for _ in range(count):
        await queue.join(queues, RoomId("shop"), Joiner(new_visitor_id()))


async def settings_of(run: Run, room: str) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads((await run("room", "show", room)).out)["settings"]
    return settings


async def test_a_room_is_made_run_by_hand_reset_and_deleted(run: Run, stores: Stores) -> None:
    assert (await run("room", "create", "shop", *SHOP, "--open")).out == "shop is open\n"
    assert "shop already" in (await run("room", "create", "shop", code=1)).err
    for wrong, message, code in (
        (("My Shop",), "ROOM must be", 2),
        (("twin", "colour=red"), "colour", 1),
        (("twin", "active_visitors_max=0"), "active_visitors_max", 1),
        (("twin", "name"), "key=value", 2),
    ):
        assert message in (await run("room", "create", *wrong, code=code)).err
    assert "site" in (await run("room", "list")).out
    shown = json.loads((await run("room", "show", "shop")).out)
    assert (shown["kind"], shown["settings"]["name"]) == ("site", "The shop")
    await run("room", "pause", "shop")
    await join(stores, 4)
    assert (await run("room", "advance", "shop", "1")).out == "shop: 1 of 1 let in; 3 wait\n"
    capped = (await run("room", "advance", "shop", "9")).out
    assert capped == "shop: 1 of 9 let in: active_visitors_max is reached; 2 wait\n"
    await run("room", "advance", "shop", "0", code=2)
    refused = await run("room", "delete", "shop", code=1)
    assert "2 wait in this room and 2 are called or inside" in refused.err
    assert (await run("room", "reset", "shop")).out == "shop is reset and paused\n"
    assert json.loads((await run("room", "show", "shop")).out)["waiting"] == 0
    await join(stores, 1)
    assert (await run("room", "delete", "shop", "--force")).out == "shop is deleted\n"
    for command in (("delete", "shop"), ("reset", "shop"), ("advance", "shop", "1"), ("export", "shop")):
        assert "no such room" in (await run("room", *command, code=1)).err


async def test_settings_go_to_a_file_and_come_back(run: Run, tmp_path: Path) -> None:
    odd = 'message=1e5 is no number: "yes", 🎷\nno'
    await run("room", "create", "shop", *SHOP, odd, f"bypass={json.dumps(RULES)}", "locale=de")
    await run("room", "set", "shop", "opens_at=2030-01-01T10:00:00+02:00", "name=1e5")
    before = await settings_of(run, "shop") | {"opens_at": "2030-01-01T08:00:00Z"}
    yaml, as_json = tmp_path / "shop.yaml", tmp_path / "shop.json"
    for file in (yaml, as_json):
        assert (await run("room", "export", "shop", str(file))).out == f"exported room shop to {file}\n"
        same = await run("room", "import", str(file))
        assert same.out == "room shop already has these settings\n"
    assert json.loads(as_json.read_text())["bypass"][0]["path_prefix"] == "/healthz"
    assert (await run("room", "export", "shop")).out == yaml.read_text()
    assert (await run("room", "export", "shop", "--json")).out == as_json.read_text()
    yaml.write_text(yaml.read_text().replace("active_visitors_max: 2", "active_visitors_max: 500"))
    output = (await run("room", "import", str(yaml), "--dry-run")).out
    assert output == "  active_visitors_max: 2 -> 500\nroom shop would be changed\n"
    assert (await settings_of(run, "shop"))["active_visitors_max"] == 2
    assert (await run("room", "import", str(yaml))).out.endswith("room shop is changed\n")
    assert await settings_of(run, "shop") == before | {"active_visitors_max": 500}
    assert "would be created" in (await run("room", "import", str(yaml), "--as", "twin", "--dry-run")).out
    assert "no such room" in (await run("room", "show", "twin", code=1)).err
    assert (await run("room", "import", str(yaml), "--as", "twin")).out.endswith("room twin is created\n")
    assert await settings_of(run, "twin") == before | {"active_visitors_max": 500}
    yaml.write_text("room_id: twin\nname: Twin\n")
    assert (await run("room", "import", str(yaml))).out == '  name: "1e5" -> "Twin"\nroom twin is changed\n'
    assert (await settings_of(run, "twin"))["active_visitors_max"] == 500, "what is not mentioned stays"


@pytest.mark.parametrize(
    ("text", "message", "lines"),
    [
        ("room_id: [", "cannot be read", 0),
        ("just words", "line 1", 0),
        ("name: Shop\n", "room_id: is required", 0),
        ("room_id: shop\n", "name: is required", 0),
        ("room_id: My Shop\nname: Shop\n", "line 1: room_id: must be", 0),
        ("room_id: shop\nname: Shop\ncolour: red\n", "line 3: colour: is not a known field", 0),
        ("room_id: shop\nname: S\nname: T\n", "line 3: name: appears twice", 0),
        ("room_id: shop\nname: S\nbypass:\n  - path_regex: (\n", "line 4: bypass[0].path_regex", 0),
        ("room_id: shop\nname: S\nbypass:\n  - cidr: x\n  - {}\n", "bypass[0].cidr", 0),
        ("room_id: shop\nname: S\nburst: 0\nrate: 5\ngate_mode: on\n", "and 2 more", 3),
        (f"room_id: shop\nname: S\nopens_at: {LATER}\ncloses_at: {SOONER}\n", "line 4: closes_at", 0),
    ],
)
async def test_a_wrong_file_is_refused_line_by_line(
    run: Run, tmp_path: Path, text: str, message: str, lines: int
) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(text)
    ended = await run("room", "import", str(file), code=1)
    assert message in ended.err
    assert "nothing was imported" in ended.err
    assert len(ended.out.splitlines()) == lines


async def test_files_that_cannot_be_read_or_written(run: Run, tmp_path: Path) -> None:
    await run("room", "create", "shop")
    assert "No such file" in (await run("room", "import", str(tmp_path / "none.yaml"), code=1)).err
    assert "Is a directory" in (await run("room", "export", "shop", str(tmp_path), code=1)).err
