"""All addresses of visitors' pages and forms; the front page and the queue page.

A GET changes nothing: link previews and prefetching browsers must not take places.
"""

from __future__ import annotations

from dataclasses import replace

from quart import Quart, Response, current_app

from app.core.clock import now_ms, to_ms
from app.core.errors import StoreUnavailable
from app.core.model import RoomId
from app.store.spans import RECORD
from app.waiting_room import room_lists
from app.web.http.credentials import may_identify
from app.web.http.deadlines import CALL_TIMEOUT_S, PAGE_TIMEOUT_S
from app.web.http.newcomer_pages import asks_for_json
from app.web.http.origins import is_part_of_foreign_page
from app.web.http.routes import Request
from app.web.pages import language
from app.web.pages.documents import SalesPage, SaleView
from app.web.pages.entry import add_page, not_found, page
from app.web.pages.event_heads import EVENT_HEADS, EventHeads
from app.web.pages.orders import (
    guest_takeover,
    my_reservations,
    personal_data,
    receipt,
    ticket_files,
    ticket_links,
    transfers,
)
from app.web.pages.render import respond
from app.web.pages.room import (
    captcha,
    carry,
    crowdhandler,
    fairness,
    fan_account,
    forms,
    handover,
    identity,
    json_queue,
    knownuser,
    mail,
    member,
    opening,
)
from app.web.pages.room.queue_document import room_page
from app.web.pages.room.queue_view import read_queue_view, remember_progress_start
from app.web.pages.sale import booking, reservation_forms
from app.web.pages.theme import LOOK_CSS, look_css, look_of, theme_file
from app.web.pages.visitors import set_newcomer, set_place


async def sales(request: Request) -> Response:
    """Show the public sales; or the queue, if a shop's connector sent the visitor."""
    if knownuser.is_sent_here(request):
        return await knownuser.enter(request)
    event_heads: EventHeads = current_app.extensions[EVENT_HEADS]
    lines = []
    for listed, status in await room_lists.page(request.app.queues, public_only=True):
        head = await event_heads.of_room(request.app.stores, listed)
        name = head.name if head else listed.settings.name
        lines.append(SaleView(listed.room_id, name, status.state, to_ms(listed.settings.opens_at), head))
    lines.sort(key=lambda it: it.event is not None and it.event.is_over(now_ms()))
    return respond("sales.html", SalesPage(lines))


async def room(request: Request) -> Response:
    """Show the queue page."""
    if asks_for_json(request):
        return await json_queue.queue_in_json(request)
    queue_view = await read_queue_view(request, RoomId(request.params["room_id"]))
    if queue_view.status_document.stale is True:
        raise StoreUnavailable("The queue cannot be read right now.", 5)
    event_heads: EventHeads = current_app.extensions[EVENT_HEADS]
    queue_view = replace(queue_view, event=await event_heads.of_room(request.app.stores, queue_view.room))
    document = replace(
        room_page(queue_view),
        mailbox=await mail.mailbox_of(request, queue_view.room.room_id),
        tickets=await my_reservations.tickets_of(request, queue_view),
        captcha=captcha.script_for(request, queue_view),
        identity=await identity.identity_of(request, queue_view),
    )
    look = look_of(queue_view.room.room_id, queue_view.room.settings)
    shared = queue_view.place is None and document.mailbox is None
    response = respond("room.html", document, look=look, shared=shared)
    if document.captcha:
        captcha.allow_widget(request, response)
    if queue_view.place is not None:
        set_place(response, request, queue_view.place, queue_view.status)
        remember_progress_start(response, request, queue_view, document.position)
    elif not queue_view.known and not is_part_of_foreign_page(request):
        set_newcomer(response, request)
    if not (request.query or may_identify(request)) and (record := RECORD.get()):
        record.newcomers_document = queue_view.status_document
    return response


PAGES = {
    "/": sales,
    "/rooms/<room_id>": room,
    "/rooms/<room_id>/carry": carry.carry,
    "/rooms/<room_id>/fairness": fairness.fairness_page,
    "/rooms/<room_id>/receipt": fairness.place_receipt_file,
    "/rooms/<room_id>/member": member.member,
    "/rooms/<room_id>/opening.ics": opening.opening,
    "/rooms/<room_id>/go": handover.go,
    "/rooms/<room_id>/theme/<digest>/<theme_file>": theme_file,
    LOOK_CSS: look_css,
    "/events/<event_id>": booking.event,
    "/reservations": my_reservations.mine,
    "/reservations/<reservation_id>": booking.reservation,
    "/reservations/<reservation_id>/calendar.ics": my_reservations.calendar,
    "/reservations/<reservation_id>/tickets.pdf": ticket_files.tickets_pdf,
    "/reservations/<reservation_id>/receipt.pdf": receipt.receipt_pdf,
    "/reservations/<reservation_id>/wallet": ticket_files.tickets_wallet,
    "/reservations/<reservation_id>/receipt": receipt.receipt,
    "/reservations/<reservation_id>/claim": guest_takeover.claim_page,
    "/reservations/<reservation_id>/open": ticket_links.open_reservation,
    "/tickets": ticket_links.ask_tickets,
    "/tickets/open": ticket_links.open_tickets,
    "/tickets/accept": transfers.accept_page,
    "/tickets/mine": transfers.my_ticket,
    "/tickets/mine.pdf": transfers.my_ticket_pdf,
    "/tickets/mine/wallet": transfers.my_ticket_wallet,
    "/confirm/<confirm_token>": mail.confirm_page,
    fan_account.PAGE: fan_account.account_page,
}
SDK = {"/ch/<room_id>": crowdhandler.wait, "/ch/<room_id>/v1/requests/<ch_token>": crowdhandler.go_on}
FORMS = {
    "/language": language.choose_language,
    "/rooms/<room_id>/join": forms.join,
    "/rooms/<room_id>/want": forms.want,
    "/rooms/<room_id>/enter": forms.enter,
    "/rooms/<room_id>/leave": forms.leave,
    "/rooms/<room_id>/email": mail.leave_email,
    "/rooms/<room_id>/email/code": mail.confirm_by_code,
    "/confirm/<confirm_token>": mail.confirm,
    "/rooms/<room_id>/passkey": identity.come_by_passkey,
    "/passkey/email": fan_account.send_fan_code,
    "/passkey/code": fan_account.enter_fan_code,
    "/passkey/new": fan_account.add_fan_passkey,
    "/passkey/new/options": fan_account.ask_new_fan_passkey,
    "/passkey/options": fan_account.ask_fan_passkey,
    "/passkey/use": fan_account.use_fan_passkey,
    "/passkey/remove": fan_account.remove_fan_passkey,
    "/passkey/delete": fan_account.delete_fan,
    "/passkey/leave": fan_account.leave_fan_account,
    "/rooms/<room_id>/carry": carry.take_over,
    "/rooms/<room_id>/member": member.come_as_member,
    "/events/<event_id>/reserve": reservation_forms.reserve,
    "/reservations/<reservation_id>/pay": reservation_forms.pay,
    "/reservations/<reservation_id>/cancel": reservation_forms.cancel,
    "/reservations/<reservation_id>/stop": reservation_forms.stop,
    "/reservations/<reservation_id>/claim": guest_takeover.claim,
    "/reservations/<reservation_id>/extend": reservation_forms.extend,
    "/tickets": ticket_links.send_tickets,
    "/tickets/open": ticket_links.use_tickets,
    "/tickets/data": personal_data.download_data,
    "/tickets/erase": personal_data.erase_data,
    "/tickets/accept": transfers.accept,
    "/reservations/<reservation_id>/transfer": transfers.transfer,
    "/reservations/<reservation_id>/withdraw": transfers.withdraw,
}


def register_pages(app: Quart) -> None:
    """Add the pages and their forms. They use `extensions["fairgate"]`."""

    @app.before_serving
    async def forget() -> None:
        app.extensions[EVENT_HEADS] = EventHeads()

    for path, view in PAGES.items():
        within_s = CALL_TIMEOUT_S if path.endswith(".pdf") else PAGE_TIMEOUT_S  # subsetting fonts takes time
        add_page(app, path, f"page_{view.__name__}", view, within_s)
    for name, (path, view) in knownuser.PATHS.items():
        add_page(app, path, f"page_{name}", view)
    for path, view in SDK.items():
        add_page(app, path, f"page_sdk_{view.__name__}", view)
    path = "/ch/<room_id>/v1/requests/"
    app.add_url_rule(
        path, "sdk_begin", page(crowdhandler.begin), methods=["POST"], provide_automatic_options=False
    )
    for path, form in FORMS.items():
        app.add_url_rule(
            path, f"form_{form.__name__}", page(form), methods=["POST"], provide_automatic_options=False
        )
    app.register_error_handler(404, not_found)
