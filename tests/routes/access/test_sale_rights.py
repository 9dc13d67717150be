"""Rights in single sales: one table for every route of the console and the API, and its effects."""

from __future__ import annotations

import asyncio
import re

import pytest

from app.accounts import accounts, sale_rights
from app.core.account import COMMAND_LINE
from app.core.accounts.rights import SALE_ROLES, Grant, Grants, SaleRole
from app.core.catalogue.definitions import NewAccount
from app.web.api.registry import CALLS
from app.web.console.frame import CONSOLE, ConsoleRoute
from app.web.console.registry import MODULES
from app.web.console.room import cockpit
from app.web.http.routes import Endpoint
from tests.routes.access.test_people import OURS, WORD, accept_invitation, appoint, cookie_of, sign_in
from tests.routes.conftest import Web, code
from tests.support.waiting import PATIENCE_S, wait_until

assert MODULES  # importing them has declared the pages
ALL = "owner operator door finance viewer"
SEE = "owner operator finance viewer"
RUN = "owner operator"
MONEY = "owner finance"
BUYERS = "owner operator finance"
DOOR = "owner operator door"
# Every page and form of the console that rights in a sale give access to, and the roles that have it. All
# others are for roles of the installation. A new route about a sale that is missing here fails the first
# test: add its roles.
CONSOLE_MAY = {
    **dict.fromkeys(("rooms", "alarms_now", "alarms_stream", "sign_in_list", "set_clock"), ALL),
    **dict.fromkeys(("proof", "give_proof"), ALL),
    **dict.fromkeys(("end_sign_in", "end_other_sign_ins", "change_password"), ALL),
    **dict.fromkeys(("begin_second_factor", "confirm_second_factor", "remove_second_factor"), ALL),
    **dict.fromkeys(("begin_passkey", "add_passkey", "remove_passkey"), ALL),
    **dict.fromkeys(("order_list", "order_file", "order"), BUYERS),
    **dict.fromkeys(("cancel_order", "refund_part", "retry_refund"), MONEY),
    **dict.fromkeys(("attendee_list", "guest_list"), BUYERS),
    **dict.fromkeys(("add_guest", "read_guests", "withdraw_guest"), "owner"),
    **dict.fromkeys(("door", "door_now", "door_list", "door_worker"), DOOR),
    **dict.fromkeys(("check_in_typed", "check_in_scans", "undo_scan"), DOOR),
    **dict.fromkeys(("room", "room_effect", "room_events", "room_history"), SEE),
    **dict.fromkeys(("sale_report", "sale_report_pdf", "sale_report_csv", "theme_page", "preview_css"), SEE),
    **dict.fromkeys(("step", "settings", "undo", "remove_visitor", "save_autopilot", "save_theme"), RUN),
    **dict.fromkeys(("connect", "entry", "gate_preview", "gate_settings", "knownuser_page"), SEE),
    **dict.fromkeys(("show_preview", "save_gate", "save_knownuser", "remove_knownuser", "push_config"), RUN),
    **dict.fromkeys(("let_in", "start_anew", "drop_room"), RUN),
    **dict.fromkeys(("set_entry", "set_lanes", "set_newcomers", "set_login", "remove_login"), RUN),
    **dict.fromkeys(("add_invites", "send_invite_again", "withdraw_invite"), RUN),
    "invites": BUYERS,
    **dict.fromkeys(("sale_people", "give_right", "change_right", "withdraw_from_sale"), "owner"),
    "set_refund_limit": "owner",
    **dict.fromkeys(("edit_page", "edit_sale", "undo_edit"), "owner"),
    **dict.fromkeys(("overview", "seats_file", "seats_page", "plan_page", "plan_map"), SEE),
    **dict.fromkeys(("live", "rehearse", "wipe", "duplicate_page", "duplicate_sale"), "owner"),
    **dict.fromkeys(("read_seats", "keep_seats", "grow_section", "save_plan"), "owner"),
    **dict.fromkeys(("choice_page", "choice_map", "change_chosen"), "owner"),
    **dict.fromkeys(("names_page", "rename_seats"), "owner"),
    **dict.fromkeys(("cancel_or_move_page", "cancel_sale", "move_sale", "retry_refunds"), "owner"),
    **dict.fromkeys(("code_sets", "codes_csv"), BUYERS),
    **dict.fromkeys(("sale_mails", "sale_buyers"), SEE),
    **dict.fromkeys(("save_mail_text", "save_buyer_form"), "owner"),
    **dict.fromkeys(("hide_type", "make_codes", "switch_codes"), "owner"),
}
API_MAY = {
    **dict.fromkeys(("check_in", "undo_check_in", "count_check_ins"), DOOR),
    **dict.fromkeys(("change_event", "delete_event", "create_ticket_type", "change_ticket_type"), "owner"),
    **dict.fromkeys(("create_seats", "set_buyer_form", "cancel_event", "move_event"), "owner"),
    **dict.fromkeys(("create_codes", "switch_codes", "switch_code"), "owner"),
    **{"list_guests": BUYERS, "add_guest": "owner", "withdraw_guest": "owner"},
    **dict.fromkeys(("list_codes", "read_codes", "list_code_uses", "download_codes"), BUYERS),
    **dict.fromkeys(("list_orders", "orders_csv", "read_refunds", "read_fate"), BUYERS),
    **dict.fromkeys(("block_seats", "release_seats", "set_seat_kind", "save_seat_plan"), "owner"),
    **dict.fromkeys(("cancel_order", "confirm_paid", "refund_order"), MONEY),
    **dict.fromkeys(("change_room", "open_room", "pause_room", "resume_room", "close_room"), RUN),
    **dict.fromkeys(("remove_visitor", "delete_room", "reset_room", "advance_room", "replace_settings"), RUN),
    **dict.fromkeys(("end_session", "renew_session"), RUN),
    **dict.fromkeys(("set_knownuser", "delete_knownuser", "push_knownuser"), RUN),
    **dict.fromkeys(("set_member_login", "delete_member_login"), RUN),
    **dict.fromkeys(("invite_members", "withdraw_invite"), RUN),
    "list_invites": BUYERS,
    **dict.fromkeys(("increment_serving_counter", "reset_initial_state"), RUN),
    **dict.fromkeys(("read_settings", "read_origin", "preview_gate"), SEE),
    **dict.fromkeys(("read_knownuser", "read_member_login"), SEE),
    **dict.fromkeys(("room_stats", "room_history", "gate_stats"), SEE),
}
PARAMETERS = {"room_id": "gala", "event_id": "gala"}


def params_of(path: str) -> dict[str, str]:
    """The path parameters of this form for the sale `gala`; an order belongs to its event."""
    names = re.findall(r"[<{](\w+)[>}]", path)
    found = {it: PARAMETERS[it] for it in names if it in PARAMETERS}
    return {"event_id": "gala"} if "reservation_id" in names else found


def reach(route: ConsoleRoute | Endpoint) -> str:
    """The roles in a sale that may use a route, by the single rule."""
    of_sales = route.of_sales if isinstance(route, ConsoleRoute) else route.of_its_events
    given = {it: Grants((Grant("gala", "gala", it),)) for it in SALE_ROLES}
    params = params_of(route.path)
    return " ".join(it for it in SALE_ROLES if given[it].may(route.scope, params, of_sales=of_sales))


def test_the_table_says_of_every_route_whose_it_is() -> None:
    assert {it.name: reach(it) for it in CONSOLE if reach(it)} == CONSOLE_MAY
    staffs = [it for it in CALLS if it.auth and it.auth.name in ("operator", "admin")]
    assert {it.name: reach(it) for it in staffs if reach(it)} == API_MAY


def test_a_grant_reaches_its_own_sale_and_nothing_beside_it() -> None:
    grants = Grants((Grant("gala", "gala", "owner"), Grant("ball", "hall", "viewer")))
    assert grants.may("events:write", {"event_id": "gala", "room_id": "gala"})
    assert not grants.may("events:write", {"event_id": "ball"})
    assert not grants.may("rooms:read", {"event_id": "gala", "room_id": "hall"})
    assert not grants.may("rooms:read", {})
    assert not grants.may(None, {"event_id": "gala"})
    assert not grants.may("audit:read", {"event_id": "gala"})
    assert grants.events("rooms:write") == {"gala"}
    assert not Grants().may(None, {}, of_sales=True)


async def somebody(web: Web, role: SaleRole, event_id: str = "gala") -> dict[str, str]:
    """Somebody with only this role in the sale, signed in to the console."""
    email = f"{role}@example.org"
    new = NewAccount(email=email, name=role.title(), password=WORD)
    made = await accounts.register(web.app.stores, web.app.passwords, new)
    await sale_rights.give(web.app.stores, made.account_id, event_id, role, by=COMMAND_LINE)
    return cookie_of(await sign_in(web, email))


def address(path: str) -> str:
    """The address of a page in the sale `gala`."""
    return re.sub(r"<(\w+)>", lambda it: PARAMETERS[it[1]], path)


async def test_every_page_keeps_to_the_table_when_it_is_asked(web: Web) -> None:
    await web.event("gala", opened=False)
    await web.event("ball", opened=False)
    for role in SALE_ROLES:
        theirs = await somebody(web, role)
        for route in CONSOLE:
            others = set(re.findall(r"<(\w+)>", route.path)) - PARAMETERS.keys()
            if route.method != "GET" or others or route.path.endswith("/events"):  # those are streams
                continue
            answer = await web.get(address(route.path), headers=theirs)
            allowed = role in CONSOLE_MAY.get(route.name, "").split()
            assert (answer.status_code != 403) == allowed, (role, route.path)
            assert answer.status_code < 500, (role, route.path)
        for path in ("/admin/rooms/ball", "/admin/rooms/ball/report", "/admin/rooms/ball/people"):
            assert (await web.get(path, headers=theirs)).status_code == 403, (role, path)
        sales = (await web.get("/admin", headers=theirs)).text
        assert "/admin/rooms/gala" in sales
        assert "/admin/rooms/ball" not in sales


async def test_in_the_api_as_in_the_console(web: Web) -> None:
    await web.event("gala", opened=False)
    await web.event("ball", opened=False)
    await somebody(web, "operator")
    await somebody(web, "viewer")
    tokens = {}
    for role in ("operator", "viewer"):
        login = await web.post("/v1/login", {"email": f"{role}@example.org", "password": WORD})
        tokens[role] = {"Authorization": f"Bearer {login.json()['access_token']}"}
    assert (await web.get("/v1/rooms/gala/settings", headers=tokens["viewer"])).status_code == 200
    assert code(await web.post("/v1/rooms/gala/open", headers=tokens["viewer"])) == (403, "role_required")
    assert (await web.post("/v1/rooms/gala/open", headers=tokens["operator"])).status_code == 200
    assert code(await web.post("/v1/rooms/ball/open", headers=tokens["operator"])) == (403, "role_required")
    assert code(
        await web.send("PATCH", "/v1/events/gala", json={"name": "X"}, headers=tokens["operator"])
    ) == (
        403,
        "role_required",
    )
    listed = (await web.get("/v1/rooms?all=true", headers=tokens["viewer"])).json()["items"]
    assert [it["room_id"] for it in listed] == ["gala"]
    assert (await web.get("/v1/orders", headers=tokens["operator"])).status_code == 200
    assert code(await web.get("/v1/orders", headers=tokens["viewer"])) == (403, "role_required")
    row = (await web.get("/v1/audit?kind=room&id=gala", headers=web.as_("admin"))).json()["items"][0]
    assert (row["action"], row["role"]) == ("open", "user")


@pytest.mark.parametrize("how", ["known", "invited"])
async def test_an_owner_gives_changes_and_takes_away(web: Web, how: str) -> None:
    await web.event("gala", opened=False)
    boss, people = await appoint(web, "boss@example.org", "admin"), "/admin/rooms/gala/people"
    form = {"email": "fay@example.org", "name": "Fay", "sale_role": "finance"}
    if how == "known":
        await appoint(web, "fay@example.org")
    given = await web.post(f"{people}/give", data=form, headers=boss)
    if how == "known":
        assert given.status_code == 303
    else:
        link = re.search(r'value="http://fairgate.test(/admin/invitation\?token=[\w-]+)"', given.text)
        assert link is not None
        fay = cookie_of(await accept_invitation(web, link[1], new_password=WORD))
        assert (await web.get("/admin/orders", headers=fay)).status_code == 200
        assert (await web.get(people, headers=fay)).status_code == 403
    page = (await web.get(people, headers=boss)).text
    (action,) = re.findall(r'"(/admin/rooms/gala/people/[\w-]{22})"', page)
    assert (await web.post(action, data={"sale_role": "owner"}, headers=boss)).status_code == 303
    fay = cookie_of(await sign_in(web, "fay@example.org"))
    assert (await web.get(people, headers=fay)).status_code == 200
    own = await web.post(action, data={"sale_role": "viewer"}, headers=fay)
    assert (own.status_code, "your own rights" in own.text) == (409, True)
    unknown = await web.post(f"{people}/give", data=form | {"email": "new@example.org"}, headers=fay)
    assert (unknown.status_code, "sends no e-mail" in unknown.text) == (409, True), "no link for an owner"
    assert (await web.post(action, data={"do": "take"}, headers=boss)).status_code == 303
    after = await web.get(people, headers=fay)
    assert after.status_code == (403 if how == "known" else 401)
    rows = (await web.get("/v1/audit?kind=sale_right", headers=web.as_("admin"))).json()["items"]
    assert [it["action"] for it in rows][:2] == ["take", "give"]
    wrong = await web.post(f"{people}/give", data=form | {"sale_role": "king"}, headers={**boss, **OURS})
    assert wrong.status_code == 422


async def test_a_stream_ends_when_the_right_to_see_it_is_taken(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cockpit, "SIGNED_IN_EVERY_S", 0.0)
    await web.event("gala", opened=False)
    await web.event("ball", opened=False)
    theirs, stores = await somebody(web, "viewer"), web.app.stores
    account_id = await stores.postgres.fetchval("SELECT account_id FROM sale_grants")
    await sale_rights.give(stores, account_id, "ball", "viewer", by=COMMAND_LINE)  # stays signed in

    async def watching() -> bool:
        return bool(web.app.feeds._rooms)

    async with asyncio.timeout(PATIENCE_S):
        request = asyncio.create_task(web.get("/admin/rooms/gala/events", headers=theirs))
        await wait_until(watching, "the stream")
        await sale_rights.revoke(stores, account_id, "gala", by=COMMAND_LINE)
        answer = await request
    assert (answer.status_code, "event: cockpit" in answer.text) == (200, True)
    assert (await web.get("/admin/rooms/ball", headers=theirs)).status_code == 200


async def test_the_connector_of_another_sale_is_not_joined(web: Web) -> None:
    await web.event("gala", opened=False)
    await web.event("ball", opened=False)
    theirs, path = await somebody(web, "operator"), "/v1/rooms/{}/knownuser"
    login = await web.post("/v1/login", {"email": "operator@example.org", "password": WORD})
    token = {"Authorization": f"Bearer {login.json()['access_token']}"}
    shop = {"customer_id": "ballroom"}
    made = await web.send("PUT", path.format("ball"), json=shop, headers=web.as_("operator"))
    assert made.status_code == 200, made.text
    joined = await web.send("PUT", path.format("gala"), json=shop, headers=token)
    assert code(joined) == (403, "role_required")
    own = await web.send("PUT", path.format("gala"), json=shop | {"customer_id": "mine"}, headers=token)
    assert own.status_code == 200, own.text
    form = {"customer_id": "ballroom", "cookie_minutes": "20"}
    assert (await web.post("/admin/rooms/gala/knownuser", data=form, headers=theirs)).status_code == 403


async def test_the_sales_that_run_are_above_every_page_in_figures(web: Web) -> None:
    await web.event("gala")
    await web.event("ball")
    await web.event("later", opened=False)
    await web.post("/v1/rooms/ball/pause", headers=web.as_("operator"))
    await web.join("ball")
    boss, viewer = await web.staff("operator"), await somebody(web, "viewer")
    page = (await web.get("/admin/jobs", headers=boss)).text  # a snapshot, for use without scripts
    assert set(re.findall(r'data-running-sale="(\w+)"', page)) == {"gala", "ball"}
    assert "<b>1</b> waiting" in page
    theirs = (await web.get("/admin/alerts/now", headers=viewer)).json()["running"]
    assert re.findall(r'data-running-sale="(\w+)"', theirs) == ["gala"]
    at_door = await somebody(web, "door")
    assert (await web.get("/admin/alerts/now", headers=at_door)).json()["running"] is None
    assert "data-running" not in (await web.get("/admin", headers=at_door)).text

    news = web.app.alert_board.watch()
    await anext(news)
    await web.join("ball")
    await anext(news)  # streams include it, read once for all viewers

    async def is_shown() -> bool:
        return "<b>2</b> waiting" in (await web.get("/admin/alerts/now", headers=boss)).json()["running"]

    await wait_until(is_shown, "the second visitor")
    await web.send("POST", "/v1/rooms/ball/close", headers=web.as_("operator"))

    async def is_gone() -> bool:
        return 'data-running-sale="ball"' not in (await web.get("/admin/jobs", headers=boss)).text

    await wait_until(is_gone, "the sale to be over")
