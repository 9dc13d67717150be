"""Arranges the report of a sale in tables, for its page, its PDF and its CSV file."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from app.core.clock import to_ms
from app.core.lanes import shares
from app.core.monitoring.report import Percentiles
from app.core.monitoring.sections import Section
from app.core.text import formatting
from app.core.zones import UTC
from app.monitoring.report import SaleReport
from app.store.sql.audit import Entry
from app.web.console.room.cockpit_document import change_lines
from app.web.console.sale.report_cells import (
    NOTHING,
    TimeCells,
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


def report_document(report: SaleReport) -> ReportDocument:
    """Build the report, in words and tables."""
    zone = report.rows.event.timezone if report.rows.event else UTC
    times = TimeCells(zone)
    sections = [_steps(report), _waits(report), *_accuracy(report), *_lanes(report), _drop_offs(report)]
    if report.rows.orders is not None:
        sections += [_orders(report), _revenue(report), _tickets(report)]
    sections += [
        _peaks(report, times),
        _slow(report, times),
        _gaps(report, times),
        _changes(report.changes, times),
    ]
    so_far = "" if report.over else "So far: the sale is not over. "
    return ReportDocument(
        title=report.rows.event.name if report.rows.event else report.room.settings.name,
        times=f"{so_far}Figures of {times.at(report.at_ms).text}. Times are in {zone}.",
        over=report.over,
        head=_head(report, times),
        sections=sections,
    )


def _head(report: SaleReport, times: TimeCells) -> list[tuple[str, str]]:
    rows = report.rows
    pairs = [("Joined", formatting.number(report.joined))]
    if rows.orders is not None:
        sold, total = (
            sum(x.quantity for x in rows.sold),
            sum({x.ticket_type_id: x.total for x in rows.sold}.values()),
        )
        pairs.append(("Tickets sold", f"{formatting.number(sold)} of {formatting.number(total)}"))
        pairs += [
            (f"Revenue {currency}", formatting.money(amount, currency)) for currency, amount in _sold(report)
        ]
        pairs.append(("Bought, of those who joined", share(rows.orders.buyers, report.joined).text))
    if report.waits is not None:
        pairs.append(("Nine in ten waited at most", seconds(report.waits.real.p90).text))
    if report.sold_out_ms is not None:
        pairs.append(("Sold out", times.at(report.sold_out_ms).text))
    return pairs


def _steps(report: SaleReport) -> Section:
    """How many visitors reached each step."""
    orders = report.rows.orders
    counted = [
        ("Joined", report.joined),
        ("Called", report.called),
        ("Claimed their turn", report.turns.claimed),
    ]
    if orders is not None:
        counted += [("Held tickets", orders.holders), ("Paid", orders.buyers)]
    rows, before = [], None
    for name, count in counted:
        went_on = NOTHING if before is None else share(count, before)
        rows.append([text(name), number(count), share(count, report.joined), went_on])
        before = count
    return Section("Step by step", ["Step", "Visitors", "Of those who joined", "Of the step before"], rows)


def _waits(report: SaleReport) -> Section:
    columns = ["Percentile", "Waited", "Shown: even odds", "Shown: nine in ten"]
    if report.waits is None:
        return Section("Waits", columns, [], empty="Nobody has been called.")
    real, even, most = report.waits.real, report.waits.shown_even, report.waits.shown_most
    rows = [
        [text(name), seconds(getattr(real, name)), percentile(even, name), percentile(most, name)]
        for name in Percentiles.__struct_fields__
    ]
    note = (
        "Nobody was shown a wait."
        if report.waits.kept_percent is None
        else (
            f"{report.waits.kept_percent}% of those who were shown a wait when they joined waited no longer "
            "than its upper end; it is meant for nine in ten."
        )
    )
    return Section("Waits", columns, rows, note)


def _accuracy(report: SaleReport) -> list[Section]:
    """How accurate the shown waits were; empty if none were shown."""
    calibration = report.waits and report.waits.calibration
    if not calibration:
        return []
    rows = [
        [text("Even odds"), share(50, 100), share(calibration.even_percent, 100)],
        [text("Nine in ten"), share(90, 100), share(calibration.most_percent, 100)],
    ]
    note = "At any moment of the wait: of each visitor the share of the moments, over all visitors."
    return [Section("How shown waits came true", ["Shown", "Meant for", "Was enough for"], rows, note)]


def _lanes(report: SaleReport) -> list[Section]:
    """Joins and calls by lane; empty for a room without lanes."""
    settings = report.room.settings.lanes
    called = sum(lane.called for lane in report.lanes)
    names = ["Everybody else", *(lane.name for lane in settings)]
    rows = [
        [text(name), share(part, 100), number(x.joined), number(x.called), share(x.called, called)]
        for name, part, x in zip(names, shares(settings), report.lanes, strict=False)
    ]
    columns = ["Lane", "Share", "Joined", "Called", "Of all calls"]
    note = "By the public log. A share holds while anybody waits in every lane."
    return [Section("Lanes", columns, rows, note)] if rows else []


def _drop_offs(report: SaleReport) -> Section:
    orders = report.rows.orders
    counted = [
        ("Left by themselves", report.left),
        ("Called, did not respond (no-shows)", report.no_shows),
        ("Session expired", report.turns.expired),
    ]
    if orders is not None:
        counted += [("Holds expired", orders.expired), ("Holds cancelled before payment", orders.cancelled)]
    if not report.over:
        counted.append(("Inside now", report.turns.inside))
    return Section(
        "Where visitors dropped off",
        ["What happened", "How often"],
        [[text(a), number(b)] for a, b in counted],
    )


def _orders(report: SaleReport) -> Section:
    orders = report.rows.orders
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


def _revenue(report: SaleReport) -> Section:
    currencies = dict.fromkeys(
        [*(x.currency for x in report.rows.sold), *(x.currency for x in report.rows.paid)]
    )
    sold = dict(_sold(report))
    rows = []
    for currency in currencies:
        paid = [x for x in report.rows.paid if x.currency == currency]
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


def _tickets(report: SaleReport) -> Section:
    rows = [
        [
            text(x.name),
            number(x.quantity),
            number(x.total),
            share(x.quantity, x.total),
            money(x.amount, x.currency),
        ]
        for x in report.rows.sold
    ]
    return Section(
        "Tickets", ["Ticket type", "Sold", "Of", "Share", "Revenue"], rows, empty="There are no tickets."
    )


def _peaks(report: SaleReport, times: TimeCells) -> Section:
    named = [
        ("Longest queue", report.most_waiting),
        (f"Most joined within {seconds(report.step_s).text}", report.most_joined),
    ]
    rows = [[text(name), number(peak.value), times.at(peak.at_ms)] for name, peak in named if peak]
    if report.sold_out_ms is not None:
        rows.append([text("Sold out"), NOTHING, times.at(report.sold_out_ms)])
    return Section("Peaks", ["What", "Visitors", "When"], rows, empty="Nobody has joined.")


def _slow(report: SaleReport, times: TimeCells) -> Section:
    rows = [
        [
            times.between(x.begin_ms, x.end_ms),
            milliseconds(x.p99_ms),
            number(x.requests),
            number(x.backlog),
            number(x.waiting),
        ]
        for x in report.slowest
    ]
    columns = ["Slowest times", "Reserving, 99th percentile", "Requests", "Backlog", "Waiting"]
    note = "The percentile is that of all rooms together." if rows else ""
    return Section("Where it was slow", columns, rows, note, empty="Nobody has reserved.")


def _gaps(report: SaleReport, times: TimeCells) -> Section:
    rows = [[times.between(x.begin_ms, x.end_ms), seconds(x.seconds)] for x in report.gaps[:GAPS_MAX]]
    note = "No worker ran, or a store was unavailable." if rows else ""
    if len(report.gaps) > GAPS_MAX:
        note += f" These are the longest of {formatting.number(len(report.gaps))}."
    return Section("Times without figures", ["When", "For"], rows, note, empty="None.")


def _changes(entries: list[Entry], times: TimeCells) -> Section:
    lines = change_lines(entries)
    rows = [
        [
            times.at(to_ms(it.changed_at)),
            text(line.who),
            text(formatting.moments_in(_what(it, line.what), times.zone)),
        ]
        for it, line in zip(entries, lines, strict=True)
    ]
    note = "Without what the autopilot changed, which is in the log of changes."
    return Section(
        "What staff did", ["When", "Who", "What"], rows, note if rows else "", "Nothing.", figures=False
    )


def _what(entry: Entry, what: str) -> str:
    change = entry.change
    label = what or change.action
    return (
        label
        if change.kind == "room"
        else f"{change.kind.replace('_', ' ')} {change.id.rpartition('/')[2]}: {label}"
    )


def _sold(report: SaleReport) -> Iterable[tuple[str, int]]:
    amounts: dict[str, int] = {}
    for x in report.rows.sold:
        amounts[x.currency] = amounts.get(x.currency, 0) + x.amount
    return amounts.items()
