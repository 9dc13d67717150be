"""Assembles the Lua scripts and calls them. A script's header is its contract, and is parsed here.

    -- Calls visitors whose turn it is.          line 1: purpose and guarantee
    -- KEYS conf, meter                          attributes of `RoomKeys` and the like; become locals
    -- ARGV now_ms:clock, limit:num              scalars; `clock`: 0 means Redis TIME
    -- RECORD visitor_id, quantity:num           batch scripts: `for visitor_id, quantity in records() do`
    -- USES turns, throttle                      files of lua/include whose functions it calls
    -- NEEDS TOKEN                               numbers of `core/script_constants.py`
    -- REPLY unknown | (head), EACH (word number)  the flat reply, see `replies`

A file of lua/include declares what it needs and what it provides, so that it can be placed before its users:

    -- NEEDS conf, now_ms, restored, TOKEN       of the script: keys, scalars; locals of includes; constants
    -- GIVES capacity, callable                  its locals that others may use

An error in a script names file and line of the original files (`located`).
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError, ResponseError

from app.core.script_constants import CONSTANTS
from app.store.keys import BusyKeys, CountKeys, NoticeKeys, RoomKeys
from app.store.traces import SCRIPT_NAMES

if TYPE_CHECKING:
    from app.store.connections import RedisClient

SCRIPTS = Path(__file__).parents[1] / "lua"
KEY_CLASSES = (RoomKeys, NoticeKeys, BusyKeys, CountKeys)
_LINE = re.compile(r"^-- (KEYS|ARGV|RECORD|USES|NEEDS|GIVES|REPLY|EACH)\s+(.*)$")
_AT = re.compile(r"user_script:(\d+)")


class HeaderError(Exception):
    """A script's header is wrong; found when it is loaded, not when it is called."""


@dataclass(frozen=True, slots=True)
class Include:
    """A file of lua/include."""

    name: str
    needs: tuple[str, ...]
    gives: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Script:
    """One script, ready to be called."""

    name: str
    keys: tuple[str, ...]
    scalars: tuple[str, ...]
    record: tuple[str, ...]
    text: str
    sha: str
    files: tuple[tuple[int, str], ...]  # the first line of each file in the assembled text, and its path

    def place_of(self, line: int) -> str:
        """The original file and line of a line in the assembled text."""
        at = bisect_right([first for first, _ in self.files], line) - 1
        if at < 0:
            return f"{self.name}.lua: the code generated from its header"
        first, path = self.files[at]
        return f"{path}:{line - first + 1}"


def _names(header: str) -> list[tuple[str, str]]:
    pairs = []
    for part in filter(None, (piece.strip() for piece in header.split(","))):
        name, _, kind = part.partition(":")
        if not name.isidentifier() or kind not in ("", "num", "clock"):
            raise HeaderError(f"cannot read {part!r}")
        pairs.append((name, kind))
    return pairs


def _plain(header: str) -> tuple[str, ...]:
    return tuple(name for name, _ in _names(header))


def _value(expression: str, kind: str) -> str:
    return f"tonumber({expression})" if kind else expression


def header_of(source: str) -> dict[str, str]:
    """Parse the lines of a header, by their first words."""
    header: dict[str, str] = {}
    for line in source.splitlines():
        if not line.startswith("--"):
            break
        if match := _LINE.match(line):
            name, value = match[1], match[2]
            joint = " | " if name in ("REPLY", "EACH") else ", "
            header[name] = f"{header[name]}{joint}{value}" if name in header else value
    return header


@cache
def _includes(folder: Path) -> tuple[dict[str, Include], dict[str, str]]:
    """The includes of a folder, by the names they define."""
    includes: dict[str, Include] = {}
    givers: dict[str, str] = {}
    for path in sorted((folder / "include").glob("*.lua")):
        text = path.read_text()
        header = header_of(text)
        include = Include(path.stem, _plain(header.get("NEEDS", "")), _plain(header.get("GIVES", "")), text)
        includes[include.name] = include
        for name in include.gives:
            if name in givers:
                raise HeaderError(
                    f"include/{include.name}.lua and include/{givers[name]}.lua both give {name}"
                )
            givers[name] = include.name
    return includes, givers


def _in_order(script: str, uses: Sequence[str], own: Iterable[str]) -> list[Include]:
    """The includes a script needs, each after those it needs itself. Raises HeaderError."""
    includes, givers = _includes(SCRIPTS)
    known = {*own, *CONSTANTS}
    ordered: dict[str, Include] = {}

    def add(name: str, asking: tuple[str, ...]) -> None:
        if name in asking:
            raise HeaderError(f"{script}.lua: includes need each other: {' -> '.join((*asking, name))}")
        if name in ordered:
            return
        if name not in includes:
            raise HeaderError(f"{script}.lua: there is no include {name!r}")
        for needed in includes[name].needs:
            if needed in known:
                continue
            if needed not in givers:
                raise HeaderError(f"{script}.lua: include/{name}.lua needs {needed}, which nothing gives")
            add(givers[needed], (*asking, name))
        ordered[name] = includes[name]

    for name in uses:
        add(name, ())
    return list(ordered.values())


def _constants(needs: Iterable[str]) -> list[str]:
    needed = sorted({name for name in needs if name in CONSTANTS})
    return [f"local {name}={CONSTANTS[name]}" for name in needed]


def _preamble(header: Mapping[str, str]) -> list[str]:
    parts = [f"local {name}=KEYS[{i}]" for i, (name, _) in enumerate(_names(header.get("KEYS", "")), 1)]
    scalars = _names(header.get("ARGV", ""))
    for i, (name, kind) in enumerate(scalars, 1):
        parts.append(f"local {name}={_value(f'ARGV[{i}]', kind)}")
        if kind == "clock":
            parts.append(
                f"if {name}==0 then local t=redis.call('TIME'); "
                f"{name}=tonumber(t[1])*1000+math.floor(tonumber(t[2])/1000) end"
            )
    record = _names(header.get("RECORD", ""))
    if record:
        width = len(record)
        values = ",".join(_value(f"ARGV[i+{k}]", kind) for k, (_, kind) in enumerate(record))
        parts.append(
            f"local function records() local i={len(scalars) + 1 - width}; "
            f"return function() i=i+{width}; if ARGV[i] then return {values} end end end"
        )
    return parts


@cache
def script(name: str) -> Script:
    """Load the script `lua/NAME.lua`. Raises HeaderError if its header names something that does not
    exist."""
    source = (SCRIPTS / f"{name}.lua").read_text()
    header = header_of(source)
    keys, scalars = _plain(header.get("KEYS", "")), _plain(header.get("ARGV", ""))
    for key in keys:
        if not any(isinstance(getattr(keys_of, key, None), property) for keys_of in KEY_CLASSES):
            raise HeaderError(f"{name}.lua: unknown key {key!r}")
    needs = _plain(header.get("NEEDS", ""))
    for needed in needs:
        if needed not in CONSTANTS:
            raise HeaderError(f"{name}.lua: unknown constant {needed!r}")
    uses = _in_order(name, _plain(header.get("USES", "")), (*keys, *scalars))
    constants = _constants([*needs, *(it for include in uses for it in include.needs)])
    pieces = ["; ".join([*_preamble(header), *constants]) + "\n"]
    files: list[tuple[int, str]] = []
    for path, text in [*((f"include/{it.name}.lua", it.text) for it in uses), (f"{name}.lua", source)]:
        files.append((sum(piece.count("\n") for piece in pieces) + 1, path))
        pieces.append(text if text.endswith("\n") else f"{text}\n")
    text = "".join(pieces)
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    SCRIPT_NAMES[sha] = name
    return Script(
        name=name,
        keys=keys,
        scalars=scalars,
        record=_plain(header.get("RECORD", "")),
        text=text,
        sha=sha,
        files=tuple(files),
    )


def located(script_called: Script, error: ResponseError) -> ResponseError:
    """Rewrite the positions in a script's error to the original files; other errors are returned
    unchanged."""
    error.args = tuple(
        _AT.sub(lambda found: script_called.place_of(int(found[1])), part) if isinstance(part, str) else part
        for part in error.args
    )
    return error


async def call(
    redis: RedisClient,
    name: str,
    keys: RoomKeys | NoticeKeys | BusyKeys | CountKeys,
    records: Iterable[str | int | float] = (),
    /,
    **scalars: str | int | float,
) -> Any:
    """Run a script once: its keys from `keys`, its scalars by name, its records flattened in order.

    Returns the raw reply. Sends EVALSHA; a server that does not know the script gets its text, once.
    """
    loaded_script = script(name)
    if scalars.keys() != set(loaded_script.scalars):
        raise TypeError(f"{name}.lua takes {loaded_script.scalars}, got {tuple(scalars)}")
    arguments = [getattr(keys, key) for key in loaded_script.keys]
    arguments += [scalars[scalar] for scalar in loaded_script.scalars]
    arguments += records
    client: Any = redis  # redis-py types EVALSHA for its sync and async clients at once
    try:
        try:
            return await client.evalsha(loaded_script.sha, len(loaded_script.keys), *arguments)
        except NoScriptError:
            return await client.eval(loaded_script.text, len(loaded_script.keys), *arguments)
    except ResponseError as error:
        located(loaded_script, error)
        raise
