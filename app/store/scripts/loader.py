"""Loads the Lua scripts and calls them. The header of a script is its contract, and it is read here.

    -- Lets called visitors in.                  line 1: purpose and guarantee
    -- KEYS conf, meter                          attributes of `RoomKeys` and the like; become locals
    -- ARGV now_ms:clock, limit:num              scalars; `clock`: 0 means Redis TIME
    -- RECORD visitor_id, quantity:num           batch scripts: `for visitor_id, quantity in records() do`
    -- USES admission                            functions from lua/include, which see the locals above
    -- REPLY called|not_called queue_number      documentation of the flat reply

Everything generated goes on line 1, so the line numbers in Redis errors are those of the file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisClusterException

from app.store.keys import BusyKeys, CountKeys, NoticeKeys, RoomKeys
from app.store.pipelining import ask_together

if TYPE_CHECKING:
    from app.store.connections import RedisClient

SCRIPTS = Path(__file__).parents[1] / "lua"
ROOMS_AT_ONCE = 200
KEY_CLASSES = (RoomKeys, NoticeKeys, BusyKeys, CountKeys)
_LINE = re.compile(r"^-- (KEYS|ARGV|RECORD|USES|REPLY)\s+(.*)$")


class HeaderError(Exception):
    """A script's header is wrong; found when it is loaded, not when it is called."""


@dataclass(frozen=True, slots=True)
class Script:
    """One script, ready to be called."""

    name: str
    keys: tuple[str, ...]
    scalars: tuple[str, ...]
    record: tuple[str, ...]
    text: str
    sha: str


def _names(header: str) -> list[tuple[str, str]]:
    pairs = []
    for part in filter(None, (piece.strip() for piece in header.split(","))):
        name, _, kind = part.partition(":")
        if not name.isidentifier() or kind not in ("", "num", "clock"):
            raise HeaderError(f"cannot read {part!r}")
        pairs.append((name, kind))
    return pairs


def _value(expression: str, kind: str) -> str:
    return f"tonumber({expression})" if kind else expression


def _include(name: str) -> str:
    lines = (SCRIPTS / "include" / f"{name}.lua").read_text().splitlines()
    return " ".join(line.split(" -- ")[0].strip() for line in lines if not line.lstrip().startswith("--"))


def _preamble(header: Mapping[str, str]) -> str:
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
    parts += [_include(name) for name, _ in _names(header.get("USES", ""))]
    return "; ".join(part.rstrip("; ") for part in parts) + "; " if parts else ""


@cache
def script(name: str) -> Script:
    """The script `lua/NAME.lua`. Raises HeaderError when its header names something that does not exist."""
    source = (SCRIPTS / f"{name}.lua").read_text()
    header: dict[str, str] = {}
    for line in source.splitlines():
        if not line.startswith("--"):
            break
        if found := _LINE.match(line):
            header[found[1]] = f"{header[found[1]]}, {found[2]}" if found[1] in header else found[2]
    keys = tuple(name for name, _ in _names(header.get("KEYS", "")))
    for key in keys:
        if not any(isinstance(getattr(keys_of, key, None), property) for keys_of in KEY_CLASSES):
            raise HeaderError(f"{name}.lua: there is no key {key!r}")
    text = _preamble(header) + source
    return Script(
        name=name,
        keys=keys,
        scalars=tuple(name for name, _ in _names(header.get("ARGV", ""))),
        record=tuple(name for name, _ in _names(header.get("RECORD", ""))),
        text=text,
        sha=hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(),
    )


async def call(
    redis: RedisClient,
    name: str,
    keys: RoomKeys | NoticeKeys | BusyKeys | CountKeys,
    records: Iterable[str | int | float] = (),
    /,
    **scalars: str | int | float,
) -> Any:
    """Run a script once: its keys from `keys`, its scalars by name, its records flat and in order.

    Returns the raw reply. Sends EVALSHA; a server that does not know the script gets the text, once.
    """
    it = script(name)
    if scalars.keys() != set(it.scalars):
        raise TypeError(f"{name}.lua takes {it.scalars}, got {tuple(scalars)}")
    arguments = [getattr(keys, key) for key in it.keys]
    arguments += [scalars[scalar] for scalar in it.scalars]
    arguments += records
    client: Any = redis  # redis-py types EVALSHA for its sync and async clients at once
    try:
        return await client.evalsha(it.sha, len(it.keys), *arguments)
    except NoScriptError:
        return await client.eval(it.text, len(it.keys), *arguments)


async def call_each(
    redis: RedisClient,
    name: str,
    rooms: Sequence[RoomKeys],
    own: Callable[[RoomKeys], Mapping[str, str]] = lambda _: {},
    /,
    **common: int,
) -> list[Any]:
    """Run a script without records once for each of these rooms, many in a round trip.

    Its scalars are those `common` to all, and the room's `own`. A raw reply each, in order; where Redis
    cannot tell, the ResponseError. Raises what says that it is away.
    """
    it = script(name)
    found: list[Any] = []
    for first in range(0, len(rooms), ROOMS_AT_ONCE):
        some = rooms[first : first + ROOMS_AT_ONCE]
        replies = await ask_together(redis, [_evalsha(it, keys, {**common, **own(keys)}) for keys in some])
        for keys, reply in zip(some, replies, strict=True):
            unknown = isinstance(reply, NoScriptError)
            found.append(await call(redis, name, keys, **common, **own(keys)) if unknown else reply)
    return found


def _evalsha(it: Script, keys: RoomKeys, scalars: Mapping[str, str | int]) -> list[str | int]:
    names = [getattr(keys, key) for key in it.keys]
    return ["EVALSHA", it.sha, len(names), *names, *(scalars[scalar] for scalar in it.scalars)]


def server_of(redis: RedisClient, key: str) -> str:
    """Which server has this key, as far as is known: what goes to one of them may go together."""
    if isinstance(redis, Redis):
        return ""
    try:
        node = redis.get_node_from_key(key)
    except RedisClusterException:  # none has it; asking says so
        return ""
    return node.name if node else ""
