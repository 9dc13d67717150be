"""Every script keeps its contract: it compiles, is called by a function of its name, and is tested."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import FunctionType

import pytest

from app.store import (
    busy,
    control_scripts,
    counts,
    gate_scripts,
    lua,
    notice_stream,
    room_scripts,
    stock_scripts,
)
from tests.builders import KEYS, Client

NAMES = sorted(path.stem for path in lua.SCRIPTS.glob("*.lua"))
INCLUDES = sorted((lua.SCRIPTS / "include").glob("*.lua"))
TYPED = (room_scripts, gate_scripts, control_scripts, stock_scripts, notice_stream, busy, counts)
# Given by the typed call itself: from its keys, or the same for every call.
OWN = {"channel", "ended_channel", "group"}


def typed(name: str) -> FunctionType:
    (found,) = [vars(module)[name] for module in TYPED if isinstance(vars(module).get(name), FunctionType)]
    assert isinstance(found, FunctionType)
    return found


@pytest.mark.parametrize("name", NAMES)
async def test_a_script_compiles_and_is_within_its_size(redis: Client, name: str) -> None:
    it = lua.script(name)
    assert await redis.script_load(it.text) == it.sha
    assert len((lua.SCRIPTS / f"{name}.lua").read_text().splitlines()) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_a_script_names_its_guarantee_its_keys_and_its_reply(name: str) -> None:
    source = (lua.SCRIPTS / f"{name}.lua").read_text()
    assert source.startswith("-- "), "line 1 says what it does"
    assert "-- REPLY " in source
    assert lua.script(name).keys, "a script without keys has no node on a Cluster"
    assert "KEYS[" not in source, "keys come from the header"
    assert "ARGV[" not in source, "arguments come from the header"
    assert "'KEYS'" not in source, "a script never walks the key space"
    assert "'SCAN'" not in source, "a script never walks the key space"


@pytest.mark.parametrize("name", NAMES)
def test_a_typed_function_takes_what_the_script_takes(name: str) -> None:
    parameters = list(inspect.signature(typed(name)).parameters.values())
    assert [it.name for it in parameters[:2]] == ["redis", "keys"]
    named = {it.name for it in parameters[2:]}
    if lua.script(name).record:
        assert len(named - set(lua.script(name).scalars)) >= 1, "the records"
    point = {*control_scripts.RestorePoint._fields} if "point" in named else set()
    limits = {*stock_scripts.Limits._fields} if "limits" in named else set()
    assert set(lua.script(name).scalars) - OWN <= named | point | limits


@pytest.mark.parametrize("name", NAMES)
def test_a_script_has_a_test_of_its_own(name: str) -> None:
    assert (Path(__file__).parent / f"test_{name}.py").exists()


@pytest.mark.parametrize("path", INCLUDES, ids=lambda path: path.stem)
def test_an_include_is_used_and_within_its_size(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 100
    headers = [(lua.SCRIPTS / f"{name}.lua").read_text() for name in NAMES]
    uses = [line for text in headers for line in text.splitlines() if line.startswith("-- USES ")]
    assert any(path.stem in line.removeprefix("-- USES ").split(", ") for line in uses)


def test_a_key_nobody_knows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong.lua").write_text("-- Does nothing.\n-- KEYS lobby\nreturn 1\n")
    monkeypatch.setattr(lua, "SCRIPTS", tmp_path)
    with pytest.raises(lua.HeaderError, match="lobby"):
        lua.script("wrong")


async def test_a_call_names_every_argument(redis: Client) -> None:
    with pytest.raises(TypeError, match="status"):
        await lua.call(redis, "status", KEYS, later=1)
