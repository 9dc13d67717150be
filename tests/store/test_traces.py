"""Spans of batches, sampling, and how a trace passes through Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from app.store.coalescer import Coalescer
from app.store.connections import Stores
from app.store.spans import RECORD, Record, batch, below, span
from app.store.sql.reservations import reservations
from app.store.sql.reservations.reservations import NewHold, Origin
from app.store.traces import (
    ALL,
    Caller,
    Point,
    Sampling,
    Span,
    Tracer,
    read_traceparent,
    sql_comment,
    sql_summary,
)
from tests.support.sales import GALA, HALL, a_sale

T, S = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (f"00-{T}-{S}-01", Caller(int(T, 16), int(S, 16), True)),
        (f"00-{T}-{S}-00", Caller(int(T, 16), int(S, 16), False)),
        (f"00-{T}-{S}-03", Caller(int(T, 16), int(S, 16), True)),
        (f"01-{T}-{S}-01-later", Caller(int(T, 16), int(S, 16), True)),
        (f"00-{T}-{S}-01-later", None),
        (f"ff-{T}-{S}-01", None),
        (f"00-{'0' * 32}-{S}-01", None),
        (f"00-{T}-{'0' * 16}-01", None),
        (f"00-{T.upper()}-{S}-01", None),
        ("", None),
    ],
)
def test_a_traceparent_is_read_as_w3c_has_it(text: str, known: Caller | None) -> None:
    assert read_traceparent(text) == known


def test_what_is_sampled() -> None:
    asked, not_asked = Caller(7, 1, True), Caller(ALL - 1, 1, False)
    assert Sampling(0, follows=True).wants(asked)
    assert not Sampling(ALL, follows=True).wants(not_asked)
    assert not Sampling(7, follows=False).wants(asked)
    assert Sampling(8, follows=False).wants(Caller(ALL + 7, 1, False))  # by its low 64 bits
    ended: list[Span] = []
    assert Tracer(Sampling(0, follows=True), ended.append).request("no traceparent") is None
    tracer = Tracer(Sampling(ALL, follows=True), ended.append)
    fresh, followed = tracer.request(None), tracer.request(f"00-{T}-{S}-01")
    assert fresh is not None
    assert fresh.parent is None
    assert followed is not None
    assert followed.parent is not None
    assert (f"{followed.trace_id:032x}", f"{followed.parent.span_id:016x}") == (T, S)
    with (
        below(tracer, f"00-{T}-{S}-00", "POST", {}) as nothing,
        below(None, followed.traceparent, "POST", {}) as off,
    ):
        assert (nothing, off) == (None, None)


def test_a_ratio_samples_its_share_of_new_traces() -> None:
    bound = round(ALL * 0.01)
    tracer = Tracer(Sampling(bound, follows=True), lambda _: None)
    found = [it for _ in range(100_000) if (it := tracer.request(None))]
    assert 800 < len(found) < 1_200  # 1,000, plus or minus six standard deviations of 31
    assert max(it.trace_id % ALL for it in found) < bound  # so that others who sample by the ratio agree
    assert len({it.trace_id for it in found}) == len(found)


async def test_each_request_of_a_batch_finds_its_work() -> None:
    ended: list[Span] = []
    tracer = Tracer(Sampling(ALL, follows=True), ended.append)
    noted: list[dict[str, str]] = []

    async def flush(_key: str, items: list[str]) -> Sequence[str]:
        if (record := RECORD.get()) is not None:
            noted.append(dict(record.traces))
        with span("postgres", Statement(), "SELECT 1"):
            await asyncio.sleep(0)
        return items

    calls: Coalescer[str, str, str] = Coalescer(flush, name="write", subjects=lambda it: [it])

    async def request(item: str) -> Span:
        served = tracer.request(None)
        assert served is not None
        RECORD.set(Record(served))
        await calls.submit("", item)
        served.end()
        return served

    ann, bob = await asyncio.gather(request("a"), request("b"))
    statement, apart, work, *_ = ended
    assert (work.name, work.parent, work.links) == ("write", ann, [ann, bob])
    assert (apart.name, apart.parent, apart.links) == ("write", bob, [work])
    assert (statement.parent, statement.kind) == (work, "client")
    assert noted == [{"a": work.traceparent, "b": apart.traceparent}]
    assert await calls.submit("", "c") == "c"
    assert noted[1:] == []  # no caller that waits is traced


class Statement:
    """The query."""

    def describe(self, what: str) -> tuple[str, dict[str, str | int | bool]]:
        return what, {}


def test_work_that_fails_ends_its_spans_with_the_error_and_raises_it() -> None:
    ended: list[Span] = []
    ann, bob = Point(ended.append, int(T, 16), 1), Point(ended.append, int(T, 16), 2)
    with pytest.raises(ValueError, match="no"), batch([(ann, ["a"]), (bob, ["b"])], "write"):
        raise ValueError("no")
    tracer = Tracer(Sampling(ALL, follows=True), ended.append)
    with pytest.raises(OSError, match="away"), below(tracer, f"00-{T}-{S}-01", "POST", {}):
        raise OSError("away")
    assert RECORD.get() is None
    assert [(it.name, it.error) for it in ended] == [
        ("write", "ValueError"),
        ("write", "ValueError"),
        ("POST", "OSError"),
    ]


async def test_the_outbox_remembers_whose_trace_a_change_belongs_to(stores: Stores) -> None:
    await a_sale(stores)
    origin = Origin(HALL, 1, GALA)
    terms = "5000|EUR|1000000000000|4000000000000|floor:1:5000"
    ann, bob = Point(lambda _: None, int(T, 16), 1), Point(lambda _: None, int(T, 16), 2)
    with batch([(ann, ["ann"]), (bob, ["bob"])], "process submissions") as work:
        holds = [NewHold(it, it, "print", terms) for it in ("ann", "bob", "cid")]
        assert await reservations.insert_holds(stores.postgres, origin, holds) == {"ann", "bob", "cid"}
    await reservations.insert_holds(stores.postgres, origin, [NewHold("dee", "dee", "print", terms)])
    rows = await stores.postgres.fetch("SELECT thread, traceparent FROM notices")
    found = {row["thread"]: row["traceparent"] for row in rows}
    assert found["ann"] == found["cid"] == work.traceparent
    assert found["bob"] not in (None, work.traceparent)
    assert found["dee"] is None


def test_a_statement_carries_no_more_than_ids() -> None:
    here = Point(lambda _: None, int(T, 16), int(S, 16))
    assert sql_comment(here, {}) == f" /*traceparent='00-{T}-{S}-01'*/"
    assert sql_comment(here, {"r-1": "x", "*/ DROP": "y"}) == f" /*traceparent='00-{T}-{S}-01',r-1='x'*/"


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("SELECT a,\n  b -- why\nFROM rooms JOIN events USING (room_id)", "SELECT rooms"),
        ("WITH x AS (SELECT a FROM rooms FOR UPDATE OF rooms) INSERT INTO log SELECT a FROM x", None),
        ("INSERT INTO mails (a) VALUES (1) ON CONFLICT DO UPDATE SET a = 1", "INSERT mails"),
        ("DELETE FROM mails", "DELETE mails"),
        ("COMMIT;", "COMMIT"),
    ],
)
def test_a_statement_in_few_words(statement: str, summary: str | None) -> None:
    assert sql_summary(statement)[0] == (summary or "SELECT rooms INSERT log SELECT x")
