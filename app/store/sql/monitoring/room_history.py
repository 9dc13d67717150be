"""SQL of the steps into which samples of rooms are rolled up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from app.core.clock import from_ms, to_ms
from app.core.model import RoomId
from app.core.waiting_room.history import COARSE_S, FINE_S, Sample, Step
from app.store.connections import Queries

_PACE = ("first_s", "base_s", "each_s")
_MOST = ("waiting", "called", "active", "backlog", "reserve_p99_ms")
_AT_END = (
    tuple(it for it in Sample.__struct_fields__ if it not in (*_MOST, "at_ms", "pace", "generation")) + _PACE
)
_VALUES = ("samples", *_MOST, *_AT_END)
_LAST = ", ".join(f"(array_agg({it} ORDER BY at DESC))[1] AS {it}" for it in _AT_END)
_HIGHEST = ", ".join(f"max({it}) AS {it}" for it in _MOST)


class StoredStep(NamedTuple):
    """A stored step of a room's history."""

    room_id: RoomId
    step_s: int
    step: Step


async def insert_steps(queries: Queries, ended: Sequence[StoredStep]) -> None:
    """Store steps; if one exists already, the one with more samples is kept.

    Steps of a deleted room are dropped.
    """
    columns = ", ".join(_VALUES)
    await queries.execute(
        f"""
        WITH it AS (
            SELECT row, line ->> 'generation' AS generation
            FROM jsonb_array_elements($1::jsonb) AS line,
                 jsonb_populate_record(NULL::room_history, line) AS row
        ),
        room AS (
            SELECT room_id, generation FROM rooms
            WHERE room_id IN (SELECT (row).room_id FROM it) ORDER BY room_id FOR KEY SHARE
        )
        INSERT INTO room_history AS was
        SELECT (row).* FROM it JOIN room ON room.room_id = (row).room_id AND room.generation = it.generation
        ORDER BY (row).room_id, (row).step_s, (row).at
        ON CONFLICT (room_id, step_s, at) DO UPDATE SET ({columns}) =
            ROW ({", ".join(f"excluded.{it}" for it in _VALUES)})
        WHERE excluded.samples > was.samples
        """,
        msgspec.json.encode([_row(it) for it in ended]).decode(),
    )


async def select_newest(
    queries: Queries, room_ids: Sequence[RoomId], step_s: int, since_ms: int
) -> dict[RoomId, int]:
    """The end (ms) of the newest step of each of these rooms that has one in this period."""
    rows = await queries.fetch(
        "SELECT room_id, max(at) AS at FROM room_history "
        "WHERE room_id = ANY($1) AND step_s = $2 AND at >= $3 GROUP BY room_id",
        *(room_ids, step_s, from_ms(since_ms)),
    )
    return {RoomId(row["room_id"]): to_ms(row["at"]) for row in rows}


async def select_first(queries: Queries, room_id: RoomId) -> int | None:
    """The end (ms) of a room's first minute; None: it has no history."""
    at = await queries.fetchval(
        "SELECT min(at) FROM room_history WHERE room_id = $1 AND step_s = $2", room_id, COARSE_S
    )
    return None if at is None else to_ms(at)


async def select_steps(queries: Queries, room_id: RoomId, step_s: int, since_ms: int = 0) -> list[Step]:
    """The steps of a room, oldest first; steps wider than stored are combined from minutes."""
    stored_s = FINE_S if step_s < COARSE_S else COARSE_S
    rows = await queries.fetch(
        f"""
        SELECT to_timestamp(ceil(extract(epoch FROM at) / $4) * $4) AS at, sum(samples)::int AS samples,
               {_HIGHEST}, {_LAST}
        FROM room_history WHERE room_id = $1 AND step_s = $2 AND at > $3 GROUP BY 1 ORDER BY 1
        """,
        *(room_id, stored_s, from_ms(max(1, since_ms)), step_s),
    )
    return [_step(row) for row in rows]


def _row(step: StoredStep) -> dict[str, Any]:
    sample = step.step.sample
    fields = {name: getattr(sample, name) for name in (*_MOST, *_AT_END) if name not in _PACE}
    pace = dict(zip(_PACE, sample.pace or (None, None, None), strict=True))
    at, own = (
        from_ms(sample.at_ms),
        {"room_id": step.room_id, "step_s": step.step_s, "samples": step.step.samples},
    )
    return {**own, "at": at, "generation": sample.generation, **fields, **pace}


def _step(row: Any) -> Step:
    fields = {name: row[name] for name in (*_MOST, *_AT_END) if name not in _PACE}
    pace = None if row["first_s"] is None else (row["first_s"], row["base_s"], row["each_s"])
    fields["ranges"] = fields["ranges"] or ""  # the previous release writes none
    return Step(Sample(at_ms=to_ms(row["at"]), pace=pace, **fields), row["samples"])
