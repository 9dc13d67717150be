"""Every script keeps its contract: it compiles, is called by a function of its name, and is tested."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import FunctionType

import pytest

from app.store.redis import busy, counts, notice_stream
from app.store.scripts import admission, gate, loader, room, stock
from tests.builders import KEYS, Client

NAMES = sorted(path.stem for path in loader.SCRIPTS.glob("*.lua"))
INCLUDES = sorted((loader.SCRIPTS / "include").glob("*.lua"))
TYPED = (room, gate, admission, stock, notice_stream, busy, counts)
# Given by the typed call itself: from its keys, or the same for every call.
OWN = {"channel", "ended_channel", "group"}


def typed(name: str) -> FunctionType:
    (found,) = [vars(module)[name] for module in TYPED if isinstance(vars(module).get(name), FunctionType)]
    assert isinstance(found, FunctionType)
    return found


@pytest.mark.parametrize("name", NAMES)
async def test_a_script_compiles_and_is_within_its_size(redis: Client, name: str) -> None:
    it = loader.script(name)
    assert await redis.script_load(it.text) == it.sha
    assert len((loader.SCRIPTS / f"{name}.lua").read_text().splitlines()) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_a_script_names_its_guarantee_its_keys_and_its_reply(name: str) -> None:
    source = (loader.SCRIPTS / f"{name}.lua").read_text()
    assert source.startswith("-- "), "line 1 says what it does"
    assert "-- REPLY " in source
    assert loader.script(name).keys, "a script without keys has no node on a Cluster"
    assert "KEYS[" not in source, "keys come from the header"
    assert "ARGV[" not in source, "arguments come from the header"
    assert "'KEYS'" not in source, "a script never walks the key space"
    assert "'SCAN'" not in source, "a script never walks the key space"


@pytest.mark.parametrize("name", NAMES)
def test_a_typed_function_takes_what_the_script_takes(name: str) -> None:
    parameters = list(inspect.signature(typed(name)).parameters.values())
    assert [it.name for it in parameters[:2]] == ["redis", "keys"]
    named = {it.name for it in parameters[2:]}
    if loader.script(name).record:
        assert len(named - set(loader.script(name).scalars)) >= 1, "the records"
    point = {*admission.RestorePoint._fields} if "point" in named else set()
    limits = {*stock.Limits._fields} if "limits" in named else set()
    assert set(loader.script(name).scalars) - OWN <= named | point | limits


@pytest.mark.parametrize("name", NAMES)
def test_a_script_has_a_test_of_its_own(name: str) -> None:
    assert (Path(__file__).parent / f"test_{name}.py").exists()


@pytest.mark.parametrize("path", INCLUDES, ids=lambda path: path.stem)
def test_an_include_is_used_and_within_its_size(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 100
    headers = [(loader.SCRIPTS / f"{name}.lua").read_text() for name in NAMES]
    uses = [line for text in headers for line in text.splitlines() if line.startswith("-- USES ")]
    assert any(path.stem in line.removeprefix("-- USES ").split(", ") for line in uses)


def test_a_key_nobody_knows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong.lua").write_text("-- Does nothing.\n-- KEYS lobby\nreturn 1\n")
    monkeypatch.setattr(loader, "SCRIPTS", tmp_path)
    with pytest.raises(loader.HeaderError, match="lobby"):
        loader.script("wrong")


async def test_a_call_names_every_argument(redis: Client) -> None:
    with pytest.raises(TypeError, match="status"):
        await loader.call(redis, "status", KEYS, later=1)
