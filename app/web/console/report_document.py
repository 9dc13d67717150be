"""Arranges the report of a sale in tables, for its page, its PDF and its CSV file."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from app.core import formatting
from app.core.clock import to_ms
from app.core.lanes import shares
from app.core.report import Percentiles
from app.core.sections import Section
from app.core.zones import UTC
from app.monitoring.report import SaleReport
from app.store.sql.audit import Entry
from app.web.console.cockpit_document import change_lines
from app.web.console.report_cells import (
    NOTHING,
    Words,
    milliseconds,
    money,
    number,
    percentile,
    seconds,
    share,
    text,
)

GAPS_MAX = 10


class ReportDocument(msgspec.Struct, frozen=True):
    """The report for readers; `times`: the moment it describes, and the zone of its times."""

    title: str
    times: str
    over: bool
    head: list[tuple[str, str]]  # the key figures
    sections: list[Section]


def report_document(it: SaleReport) -> ReportDocument:
    """Build the report, in words and tables."""
    zone = it.rows.event.timezone if it.rows.event else UTC
    words = Words(zone)
    sections = [_steps(it), _waits(it), *_came_true(it), *_lanes(it), _drop_offs(it)]
    if it.rows.orders is not None:
        sections += [_orders(it), _revenue(it), _tickets(it)]
    sections += [_peaks(it, words), _slow(it, words), _gaps(it, words), _changes(it.changes, words)]
    so_far = "" if it.over else "So far: the sale is not over. "
    return ReportDocument(
        title=it.rows.event.name if it.rows.event else it.room.settings.name,
        times=f"{so_far}Figures of {words.at(it.at_ms).text}. Times are in {zone}.",
        over=it.over,
        head=_head(it, words),
        sections=sections,
    )


def _head(it: SaleReport, words: Words) -> list[tuple[str, str]]:
    rows = it.rows
    found = [("Joined", formatting.number(it.joined))]
    if rows.orders is not None:
        sold, total = (
            sum(x.quantity for x in rows.sold),
            sum({x.ticket_type_id: x.total for x in rows.sold}.values()),
        )
        found.append(("Tickets sold", f"{formatting.number(sold)} of {formatting.number(total)}"))
        found += [
            (f"Revenue {currency}", formatting.money(amount, currency)) for currency, amount in _sold(it)
        ]
        found.append(("Bought, of those who joined", share(rows.orders.buyers, it.joined).text))
    if it.waits is not None:
        found.append(("Nine in ten waited at most", seconds(it.waits.real.p90).text))
    if it.sold_out_ms is not None:
        found.append(("Sold out", words.at(it.sold_out_ms).text))
    return found


def _steps(it: SaleReport) -> Section:
    """How many visitors reached each step."""
    orders = it.rows.orders
    counted = [("Joined", it.joined), ("Called", it.called), ("Claimed their turn", it.turns.claimed)]
    if orders is not None:
        counted += [("Held tickets", orders.holders), ("Paid", orders.buyers)]
    rows, before = [], None
    for name, count in counted:
        went_on = NOTHING if before is None else share(count, before)
        rows.append([text(name), number(count), share(count, it.joined), went_on])
        before = count
    return Section("Step by step", ["Step", "Visitors", "Of those who joined", "Of the step before"], rows)


def _waits(it: SaleReport) -> Section:
    columns = ["Percentile", "Waited", "Shown: even odds", "Shown: nine in ten"]
    if it.waits is None:
        return Section("Waits", columns, [], empty="Nobody has been called.")
    real, even, most = it.waits.real, it.waits.shown_even, it.waits.shown_most
    rows = [
        [text(name), seconds(getattr(real, name)), percentile(even, name), percentile(most, name)]
        for name in Percentiles.__struct_fields__
    ]
    note = (
        "Nobody was shown a wait."
        if it.waits.kept_percent is None
        else (
            f"{it.waits.kept_percent}% of those who were shown a wait when they joined waited no longer "
            "than its upper end; it is meant for nine in ten."
        )
    )
    return Section("Waits", columns, rows, note)


def _came_true(it: SaleReport) -> list[Section]:
    """How accurate the shown waits were; empty if none were shown."""
    found = it.waits and it.waits.calibration
    if not found:
        return []
    rows = [
        [text("Even odds"), share(50, 100), share(found.even_percent, 100)],
        [text("Nine in ten"), share(90, 100), share(found.most_percent, 100)],
    ]
    note = "At any moment of the wait: of each visitor the share of the moments, over all visitors."
    return [Section("How shown waits came true", ["Shown", "Meant for", "Was enough for"], rows, note)]


def _lanes(it: SaleReport) -> list[Section]:
    """Joins and calls by lane; empty for a room without lanes."""
    settings = it.room.settings.lanes
    called = sum(lane.called for lane in it.lanes)
    names = ["Everybody else", *(lane.name for lane in settings)]
    rows = [
        [text(name), share(part, 100), number(x.joined), number(x.called), share(x.called, called)]
        for name, part, x in zip(names, shares(settings), it.lanes, strict=False)
    ]
    columns = ["Lane", "Share", "Joined", "Called", "Of all calls"]
    note = "By the public log. A share holds while anybody waits in every lane."
    return [Section("Lanes", columns, rows, note)] if rows else []


def _drop_offs(it: SaleReport) -> Section:
    orders = it.rows.orders
    counted = [
        ("Left by themselves", it.left),
        ("Called, did not respond (no-shows)", it.no_shows),
        ("Session expired", it.turns.expired),
    ]
    if orders is not None:
        counted += [("Holds expired", orders.expired), ("Holds cancelled before payment", orders.cancelled)]
    if not it.over:
        counted.append(("Inside now", it.turns.inside))
    return Section(
        "Where visitors dropped off",
        ["What happened", "How often"],
        [[text(a), number(b)] for a, b in counted],
    )


def _orders(it: SaleReport) -> Section:
    orders = it.rows.orders
    assert orders is not None
    rows = [
        [text("Made"), number(orders.made)],
        [text("Confirmed"), number(orders.confirmed)],
        [text("Expired"), number(orders.expired)],
        [text("Cancelled before payment"), number(orders.cancelled)],
        [text("Cancelled after payment"), number(orders.refunded)],
        [text("Open"), number(orders.open)],
        [text("From hold to payment, half took at most"), seconds(orders.p50_to_pay_s)],
        [text("From hold to payment, nine in ten took at most"), seconds(orders.p90_to_pay_s)],
    ]
    return Section("Reservations", ["Reservations", "Figure"], rows)


def _revenue(it: SaleReport) -> Section:
    currencies = dict.fromkeys([*(x.currency for x in it.rows.sold), *(x.currency for x in it.rows.paid)])
    sold = dict(_sold(it))
    rows = []
    for currency in currencies:
        paid = [x for x in it.rows.paid if x.currency == currency]
        refunds = sum(x.refunded for x in paid)
        failed = sum(x.payments for x in paid if x.status in ("declined", "failed"))
        rows.append(
            [
                text(currency),
                money(sold.get(currency, 0), currency),
                money(refunds, currency),
                number(failed),
            ]
        )
    columns = ["Currency", "Sold", "Refunded", "Payments declined or failed"]
    return Section(
        "Revenue",
        columns,
        rows,
        "Sold is what the tickets of confirmed reservations cost, cancelled ones left out.",
    )


def _tickets(it: SaleReport) -> Section:
    rows = [
        [
            text(x.name),
            number(x.quantity),
            number(x.total),
            share(x.quantity, x.total),
            money(x.amount, x.currency),
        ]
        for x in it.rows.sold
    ]
    return Section(
        "Tickets", ["Ticket type", "Sold", "Of", "Share", "Revenue"], rows, empty="There are no tickets."
    )


def _peaks(it: SaleReport, words: Words) -> Section:
    named = [
        ("Longest queue", it.most_waiting),
        (f"Most joined within {seconds(it.step_s).text}", it.most_joined),
    ]
    rows = [[text(name), number(peak.value), words.at(peak.at_ms)] for name, peak in named if peak]
    if it.sold_out_ms is not None:
        rows.append([text("Sold out"), NOTHING, words.at(it.sold_out_ms)])
    return Section("Peaks", ["What", "Visitors", "When"], rows, empty="Nobody has joined.")


def _slow(it: SaleReport, words: Words) -> Section:
    rows = [
        [
            words.between(x.begin_ms, x.end_ms),
            milliseconds(x.p99_ms),
            number(x.requests),
            number(x.backlog),
            number(x.waiting),
        ]
        for x in it.slowest
    ]
    columns = ["Slowest times", "Reserving, 99th percentile", "Requests", "Backlog", "Waiting"]
    note = "The percentile is that of all rooms together." if rows else ""
    return Section("Where it was slow", columns, rows, note, empty="Nobody has reserved.")


def _gaps(it: SaleReport, words: Words) -> Section:
    rows = [[words.between(x.begin_ms, x.end_ms), seconds(x.seconds)] for x in it.gaps[:GAPS_MAX]]
    note = "No worker ran, or a store was unavailable." if rows else ""
    if len(it.gaps) > GAPS_MAX:
        note += f" These are the longest of {formatting.number(len(it.gaps))}."
    return Section("Times without figures", ["When", "For"], rows, note, empty="None.")


def _changes(entries: list[Entry], words: Words) -> Section:
    lines = change_lines(entries)
    rows = [
        [
            words.at(to_ms(it.changed_at)),
            text(line.who),
            text(formatting.moments_in(_what(it, line.what), words.zone)),
        ]
        for it, line in zip(entries, lines, strict=True)
    ]
    note = "Without what the autopilot changed, which is in the log of changes."
    return Section(
        "What staff did", ["When", "Who", "What"], rows, note if rows else "", "Nothing.", figures=False
    )


def _what(it: Entry, what: str) -> str:
    change = it.change
    words = what or change.action
    return (
        words
        if change.kind == "room"
        else f"{change.kind.replace('_', ' ')} {change.id.rpartition('/')[2]}: {words}"
    )


def _sold(it: SaleReport) -> Iterable[tuple[str, int]]:
    amounts: dict[str, int] = {}
    for x in it.rows.sold:
        amounts[x.currency] = amounts.get(x.currency, 0) + x.amount
    return amounts.items()
