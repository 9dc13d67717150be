"""The first page of a sale: checklist, current figures and forecast, and buttons for its next stage."""

from __future__ import annotations

import msgspec
from quart import Response

from app.catalogue import buyer_form, events, sale_lives
from app.core.catalogue.sale_life import STAGES, Forecast, forecast
from app.core.errors import Conflict, EventNotFound, ValidationFailed
from app.core.model import RoomId
from app.core.text.formatting import duration
from app.monitoring import history
from app.store.away import stores_answer
from app.store.sql.monitoring.sale_figures import Buyers, Income, select_buyers, select_income
from app.waiting_room import queue
from app.web.console.frame import console_form, console_page
from app.web.console.sale.checklist import SaleFacts, Step, steps
from app.web.console.sale.kept_buyers import retention_words
from app.web.console.sale_head import SaleHead, head_of
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

SOON_S = 60  # shorter times are given in words


class OverviewPage(msgspec.Struct, frozen=True):
    """The overview of one sale."""

    staff: Staff
    sale: SaleHead
    facts: SaleFacts
    stages: dict[str, str]
    passed: list[str]  # the stages behind it
    steps: list[Step]
    income: list[Income]
    buyers: Buyers
    total: int
    sold: int
    held: int
    outlook: list[str]  # the forecast, in sentences
    address: str  # of the queue page
    data_deletion: str  # when personal data of its buyers is deleted; "": never
    problem: str = ""


@console_page("/admin/rooms/<room_id>/overview", section="Sales")
async def overview(request: Request, staff: Staff) -> Response:
    """Show the overview of a sale."""
    return await _page(request, staff)


@console_form("/admin/rooms/<room_id>/life", section="Sales", role="admin")
async def live(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Publish or unpublish the sale, archive it or take it out of the archive."""
    facts = await _load(request)
    step, stores, event_id = form.get("do", ""), request.app.stores, facts.event.event_id
    try:
        if step in ("publish", "unpublish"):
            await sale_lives.publish(stores, event_id, step == "publish", by=staff.by)
            await request.app.hidden.refresh()
        elif step in ("archive", "unarchive"):
            await sale_lives.archive(stores, event_id, step == "archive", by=staff.by)
        else:
            raise ValidationFailed("do", "must be publish, unpublish, archive or unarchive")
    except Conflict as refusal:
        return await _page(request, staff, refusal.detail, refusal.status)
    request.app.status_board.outdated(facts.room.room_id)
    return redirect_to(f"/admin/rooms/{facts.room.room_id}/overview")


@console_form("/admin/rooms/<room_id>/rehearse", section="Sales", role="admin")
async def rehearse(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Create the sale's rehearsal, or go to the existing one."""
    facts = await _load(request)
    rehearsal = await sale_lives.rehearse(request.app.stores, facts.room, by=staff.by)
    return redirect_to(f"/admin/rooms/{rehearsal}/overview")


@console_form("/admin/rooms/<room_id>/wipe", section="Sales", role="admin")
async def wipe(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Wipe a rehearsal: delete it with everything in it."""
    facts = await _load(request)
    try:
        real = await sale_lives.wipe(request.app.stores, facts.room, by=staff.by)
    except Conflict as refusal:
        return await _page(request, staff, refusal.detail, refusal.status)
    return redirect_to(f"/admin/rooms/{real}/overview" if real else "/admin")


async def _load(request: Request) -> SaleFacts:
    room_id = RoomId(request.params["room_id"])
    _, status = await queue.status(request.app.queues, room_id)
    room = await request.app.queues.loaded_rooms.read(room_id)
    if room.event_id is None:
        raise EventNotFound
    event, types = await events.event(request.app.stores, room.event_id)
    life = await sale_lives.life(request.app.stores, event.event_id)
    return SaleFacts(room, status, event, types, life)


async def _page(request: Request, staff: Staff, problem: str = "", status: int = 200) -> Response:
    facts = await _load(request)
    stores, event_id = request.app.stores, facts.event.event_id
    keep_days = request.app.settings.buyers_keep_days
    head = head_of(staff, facts.room, facts.event, "Overview", facts.status.state, facts.life)
    with stores_answer():
        income = await select_income(stores.postgres, event_id)
        buyers = await select_buyers(stores.postgres, event_id)
    samples = await history.recent(stores, facts.room.room_id) if head.stage in ("open", "rehearsal") else []
    page = OverviewPage(
        staff=staff,
        sale=head,
        facts=facts,
        stages={name: about for name, about in STAGES.items()},
        passed=_passed(facts, head),
        steps=steps(facts, request.app.settings, staff.may("admin")),
        income=income or [Income(facts.event.currency, 0)],
        buyers=buyers,
        total=sum(kind.total for kind in facts.types),
        sold=sum(kind.sold for kind in facts.types),
        held=sum(kind.held for kind in facts.types),
        outlook=_outlook(facts, forecast(samples)),
        address=f"{request.app.settings.public_url or request.origin()}/rooms/{facts.room.room_id}",
        data_deletion=retention_words(facts.event, await buyer_form.form_of(stores, event_id), keep_days),
        problem=problem,
    )
    return respond("console/overview.html", page, status)


def _passed(facts: SaleFacts, head: SaleHead) -> list[str]:
    """The stages behind the sale; a rehearsal is optional."""
    order: list[str] = list(STAGES)
    behind = order[: order.index(head.stage)]
    if head.stage != "rehearsal" and facts.life.rehearsed_at is None:
        behind = [name for name in behind if name != "rehearsal"]
    return behind


def _outlook(facts: SaleFacts, forecast: Forecast | None) -> list[str]:
    """The forecast if everything continues at its current pace."""
    if facts.status.state == "sold_out":
        return ["Everything is sold. Tickets that come back go to those who still wait."]
    if facts.status.state == "paused":
        return ["The sale is paused: nobody is called, so it does not come to an end."]
    if forecast is None:
        return ["A forecast needs a minute of sales."]
    if forecast.sold_out_s is None:
        lines = ["No ticket was sold in the last minutes, so no end can be foretold."]
    else:
        lines = [f"Sold out in {_about(forecast.sold_out_s)}, at {forecast.per_minute:.0f} tickets a minute."]
    if forecast.queue_empty_s is not None:
        pace = f"{forecast.per_minute_admitted:.0f} admitted a minute"
        lines.append(f"The queue of now is served in {_about(forecast.queue_empty_s)}, at {pace}.")
    return [*lines, "Measured over the last five minutes."]


def _about(seconds: int) -> str:
    return "less than a minute" if seconds < SOON_S else f"about {duration(seconds)}"
