"""Every script keeps its contract: it compiles, is called by a function of the same name, and is tested."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import FunctionType

import pytest
from redis.exceptions import ResponseError

from app.core.script_constants import CONSTANTS
from app.store.redis import busy, counts, notice_stream, origin
from app.store.scripts import (
    admission,
    by_hand,
    carrying,
    filling,
    gate,
    leases,
    loader,
    newcomers,
    parts,
    replies,
    restoring,
    room,
    shared_round_trips,
    shrinking,
    stock,
)
from tests.scripts import lua_names
from tests.support.builders import KEYS, Client

NAMES = sorted(path.stem for path in loader.SCRIPTS.glob("*.lua"))
INCLUDES = sorted((loader.SCRIPTS / "include").glob("*.lua"))
TYPED = (
    room,
    carrying,
    gate,
    newcomers,
    admission,
    by_hand,
    restoring,
    filling,
    stock,
    leases,
    shrinking,
    parts,
    notice_stream,
    busy,
    counts,
    origin,
)
# Supplied by the typed call itself: derived from its keys, or the same for every call.
OWN = {"channel", "ended_channel", "group", "reading"}


def typed(name: str) -> FunctionType:
    (found,) = [vars(module)[name] for module in TYPED if isinstance(vars(module).get(name), FunctionType)]
    assert isinstance(found, FunctionType)
    return found


@pytest.mark.parametrize("name", NAMES)
async def test_a_script_compiles(redis: Client, name: str) -> None:
    it = loader.script(name)
    assert await redis.script_load(it.text) == it.sha


@pytest.mark.parametrize("name", NAMES)
def test_a_script_names_its_guarantee_its_keys_and_its_reply(name: str) -> None:
    source = (loader.SCRIPTS / f"{name}.lua").read_text()
    assert source.startswith("-- "), "line 1 says what it does"
    assert "-- REPLY " in source or "-- EACH " in source
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
    point = {*restoring.RestorePoint._fields} if "point" in named else set()
    limits = {*stock.Limits._fields} if "limits" in named else set()
    outages = {*admission.OutageReport._fields} if "outages" in named else set()
    bid = {*leases.Bid._fields} if "bid" in named else set()
    assert set(loader.script(name).scalars) - OWN <= named | point | limits | outages | bid


@pytest.mark.parametrize("name", NAMES)
def test_a_script_answers_with_the_words_of_its_header(name: str) -> None:
    source = (loader.SCRIPTS / f"{name}.lua").read_text()
    answered = set(re.findall(r"^(?:return|.* then return) \{ ?'(\w+)'", source, re.MULTILINE))
    assert answered <= replies.words(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_script_has_a_test_of_its_own(name: str) -> None:
    assert (Path(__file__).parent / f"test_{name}.py").exists()


@pytest.mark.parametrize("path", [*INCLUDES, *(loader.SCRIPTS / f"{name}.lua" for name in NAMES)], ids=str)
def test_a_file_is_short_and_its_lines_are(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 100
    assert [number for number, line in enumerate(lines, 1) if len(line) > 110] == []


@pytest.mark.parametrize("path", INCLUDES, ids=lambda path: path.stem)
def test_an_include_says_what_it_needs_and_gives(path: Path) -> None:
    include = loader._includes(loader.SCRIPTS)[0][path.stem]
    assert set(include.needs) == lua_names.free(include.text)
    assert include.gives, "nothing calls it"
    assert set(include.gives) <= lua_names.given(include.text)
    others = [it.read_text() for it in (*INCLUDES, *loader.SCRIPTS.glob("*.lua")) if it != path]
    used = set().union(*map(lua_names.free, others))
    assert set(include.gives) == lua_names.given(include.text) & used


@pytest.mark.parametrize("name", NAMES)
def test_a_script_uses_what_it_says_it_uses(name: str) -> None:
    it, source = loader.script(name), (loader.SCRIPTS / f"{name}.lua").read_text()
    header, includes = loader.header_of(source), loader._includes(loader.SCRIPTS)[0]
    uses, needs = ({part.strip() for part in header.get(key, "").split(",")} for key in ("USES", "NEEDS"))
    own = {*it.keys, *it.scalars, *({"records"} if it.record else ())}
    from_others = lua_names.free(source) - own - CONSTANTS.keys()
    for include in uses - {""}:
        assert set(includes[include].gives) & from_others, f"{include} is not used"
    assert from_others <= {name for include in uses - {""} for name in includes[include].gives}
    assert lua_names.free(source) & CONSTANTS.keys() == needs - {""}


def test_every_number_that_scripts_are_given_is_used() -> None:
    used = set().union(*(lua_names.free(it.read_text()) for it in (*INCLUDES, *loader.SCRIPTS.glob("*.lua"))))
    assert CONSTANTS.keys() <= used


def test_a_key_nobody_knows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong.lua").write_text("-- Does nothing.\n-- KEYS lobby\nreturn 1\n")
    monkeypatch.setattr(loader, "SCRIPTS", tmp_path)
    with pytest.raises(loader.HeaderError, match="lobby"):
        loader.script("wrong")


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace our scripts and includes with these."""
    monkeypatch.setattr(loader, "SCRIPTS", tmp_path)

    def written(**files: str) -> None:
        (tmp_path / "include").mkdir(exist_ok=True)
        for name, text in files.items():
            folder = tmp_path if name.startswith("script") else tmp_path / "include"
            (folder / f"{name}.lua").write_text(text)
        loader.script.cache_clear()
        loader._includes.cache_clear()
        replies.answers.cache_clear()

    return written


async def test_includes_come_behind_what_they_need(redis: Client, scripts: Callable[..., None]) -> None:
    scripts(
        script_a="-- Adds.\n-- KEYS conf\n-- ARGV more:num\n-- USES alpha\nreturn alpha(1)\n",
        alpha="-- NEEDS beta, more\n-- GIVES alpha\nlocal function alpha(n) return beta(n) + more end\n",
        beta="-- NEEDS MINUTE_MS\n-- GIVES beta\nlocal function beta(n) return n + MINUTE_MS end\n",
    )
    assert await loader.call(redis, "script_a", KEYS, more=5) == 60_006
    names = [path for _, path in loader.script("script_a").files]
    assert names == ["include/beta.lua", "include/alpha.lua", "script_a.lua"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {it: f"-- NEEDS {needs}\n-- GIVES {it}\n" for it, needs in ("ab", "bc", "ca")},
            "script_x.lua: includes need each other: a -> b -> c -> a",
        ),
        (
            {"a": "-- NEEDS nothing\n-- GIVES a\n"},
            "script_x.lua: include/a.lua needs nothing, which nothing gives",
        ),
        ({"a": "-- GIVES x\n", "b": "-- GIVES x\n"}, "include/b.lua and include/a.lua both give x"),
        ({}, "script_x.lua: there is no include 'a'"),
        ({"a": "-- NEEDS 1st\n-- GIVES a\n"}, "cannot read '1st'"),
    ],
)
def test_what_cannot_be_put_together_is_refused(
    scripts: Callable[..., None], files: dict[str, str], says: str
) -> None:
    scripts(script_x="-- Does nothing.\n-- KEYS conf\n-- USES a\nreturn 1\n", **files)
    with pytest.raises(loader.HeaderError, match=re.escape(says)):
        loader.script("script_x")


def test_a_number_nobody_knows_is_refused(scripts: Callable[..., None]) -> None:
    scripts(script_x="-- Does nothing.\n-- KEYS conf\n-- NEEDS DOZEN\nreturn DOZEN\n")
    with pytest.raises(loader.HeaderError, match="DOZEN"):
        loader.script("script_x")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("one", "two"), ""),
        (("one",), "its type takes ('one',)"),
        (("two", "one"), "script_x.lua answers ('one', 'two') (REPLY)"),
    ],
)
def test_a_type_that_is_not_what_a_script_answers_is_refused(
    scripts: Callable[..., None], values: tuple[str, ...], says: str
) -> None:
    scripts(script_x="-- Tells.\n-- KEYS conf\n-- REPLY unknown|gone | (one two)\nreturn {1, 2}\n")
    assert replies.words("script_x") == {"unknown", "gone"}
    with pytest.raises(loader.HeaderError, match=re.escape(says)) if says else nullcontext():
        replies.check("script_x", values)


def test_a_reply_that_cannot_be_read_is_refused(scripts: Callable[..., None]) -> None:
    scripts(script_x="-- Tells.\n-- KEYS conf\n-- REPLY how many there are\nreturn 1\n")
    with pytest.raises(loader.HeaderError, match="how many there are"):
        replies.words("script_x")


async def test_an_error_names_the_file_and_the_line(redis: Client, scripts: Callable[..., None]) -> None:
    scripts(
        script_a="-- Fails.\n-- KEYS conf\n-- USES deep\n\ndeep()\nreturn 1\n",
        script_b="-- Fails.\n-- KEYS conf\n\nreturn redis.call('HGET', conf)\n",
        script_c="-- Fails.\n-- KEYS conf\nlocal = 1\n",
        deep="-- What fails.\n-- GIVES deep\nlocal function deep()\n  return nothing.here\nend\n",
    )
    for name, place in (
        ("script_a", "include/deep.lua:4"),
        ("script_b", "script_b.lua:4"),
        ("script_c", "script_c.lua:3"),
    ):
        with pytest.raises(ResponseError) as failed:
            await loader.call(redis, name, KEYS)
        assert place in str(failed.value)
        assert "user_script:" not in str(failed.value)
    (reply,) = await shared_round_trips.call_each(redis, "script_a", [KEYS])
    assert "include/deep.lua:4" in str(reply)


async def test_a_call_names_every_argument(redis: Client) -> None:
    with pytest.raises(TypeError, match="status"):
        await loader.call(redis, "status", KEYS, later=1)
