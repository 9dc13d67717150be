"""The audit log: every call by staff that changes something leaves a row, and nothing else does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.web.api.registry import CALLS
from app.web.console.frame import CONSOLE
from tests.routes.conftest import Web, code, field_of

EVENT = {"event_id": "opera", "name": "Opera", "starts_at": "2030-01-01T20:00:00Z"}
TYPE = {"ticket_type_id": "box", "name": "Box", "price": 9000, "quantity": 4}
Row = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A call that changes something in the event `{e}`: what must precede it, and what its rows contain."""

    path: str
    body: Any = None
    first: tuple[str, ...] = ()  # steps of the room that must come first
    rows: tuple[tuple[str, str, str], ...] = ()  # action, kind, id; newest first


# Every call by staff that changes something. If one is missing here, the first test below fails.
STEPS = {
    "create_event": Step(
        "/v1/events", EVENT, rows=(("create", "event", "opera"), ("create", "room", "opera"))
    ),
    "change_event": Step("/v1/events/{e}", {"name": "Ball"}, rows=(("change", "event", "{e}"),)),
    "delete_event": Step(
        "/v1/events/{e}",
        rows=(("delete", "room", "{e}"), ("delete", "event", "{e}"), ("delete", "ticket_type", "{e}/floor")),
    ),
    "create_ticket_type": Step(
        "/v1/events/{e}/ticket-types", TYPE, rows=(("create", "ticket_type", "{e}/box"),)
    ),
    "create_seats": Step(
        "/v1/events/{e}/seats",
        {"sections": [{"name": "Stalls", "price": 1, "rows": 2, "seats_per_row": 2}]},
        rows=(("create", "ticket_type", "{e}/stalls"),),
    ),
    "change_ticket_type": Step(
        "/v1/events/{e}/ticket-types/floor", {"price": 1}, rows=(("change", "ticket_type", "{e}/floor"),)
    ),
    "set_buyer_form": Step(
        "/v1/events/{e}/buyer-form", {"name": "required"}, rows=(("change", "event", "{e}"),)
    ),
    "create_room": Step("/v1/rooms", {"room_id": "shop", "name": "Shop"}, rows=(("create", "room", "shop"),)),
    "change_room": Step("/v1/rooms/{e}", {"message": "Soon"}, rows=(("change", "room", "{e}"),)),
    "open_room": Step("/v1/rooms/{e}/open", rows=(("open", "room", "{e}"),)),
    "pause_room": Step("/v1/rooms/{e}/pause", first=("open",), rows=(("pause", "room", "{e}"),)),
    "resume_room": Step("/v1/rooms/{e}/resume", first=("open", "pause"), rows=(("resume", "room", "{e}"),)),
    "close_room": Step("/v1/rooms/{e}/close", rows=(("close", "room", "{e}"),)),
    "set_sites": Step(
        "/v1/sites",
        {"sites": [{"host": "shop.example", "room_id": "set-sites"}]},
        rows=(("change", "sites", "all"),),
    ),
    "replace_settings": Step(
        "/v1/rooms/{e}/settings", {"name": "Another"}, rows=(("change", "room", "{e}"),)
    ),
    "reset_room": Step("/v1/rooms/{e}/reset", rows=(("reset", "room", "{e}"),)),
    "advance_room": Step(
        "/v1/rooms/{e}/advance", {"count": 1}, first=("open",), rows=(("advance", "room", "{e}"),)
    ),
    "remove_visitor": Step("/v1/rooms/{e}/visitors/ann", rows=(("remove", "visitor", "{e}/ann"),)),
    "set_knownuser": Step(
        "/v1/rooms/{e}/knownuser", {"customer_id": "shop"}, rows=(("create", "knownuser", "{e}"),)
    ),
}
# The same for the forms of the console; signing in and out changes nothing.
FORMS = {
    "step": Step("/admin/rooms/{e}/state", {"step": "open"}, rows=(("open", "room", "{e}"),)),
    "settings": Step("/admin/rooms/{e}/settings", {"message": "Soon"}, rows=(("change", "room", "{e}"),)),
    "save_theme": Step(
        "/admin/rooms/{e}/theme", {"do": "save", "accent": "#0b5d4a"}, rows=(("change", "room", "{e}"),)
    ),
}
FORMS_ELSEWHERE = {
    *("save_mail_text", "save_buyer_form"),  # tests/routes/orders/test_buyers.py
    *("check_in_typed", "check_in_scans", "undo_scan"),  # tests/routes/orders/test_door.py
    *("send_again", "send_test"),  # tests/routes/system/test_mail.py, test_outgoing_mail_page.py
    *("add_guest", "read_guests", "withdraw_guest"),  # tests/routes/sale/test_guests.py
    *("make_sale", "undo", "remove_visitor"),  # tests/routes/sale/test_new_sale.py, room/test_cockpit.py
    *("make_codes", "switch_codes", "hide_type", "read_seats"),  # tests/routes/sale/test_codes.py
    *("keep_seats", "grow_section", "save_plan", "change_chosen", "rename_seats"),  # test_seat_plan.py
    "end_sign_in",  # does not change the sale
    "end_other_sign_ins",
    *("set_clock", "give_proof"),  # tests/security/test_proofs.py
    "change_password",
    *("cancel_order", "make_webhook", "drop_webhook", "replay_webhook"),  # tests/routes/test_console_pages.py
    *("change_role", "make_key", "end_key"),
    *("move_sale", "cancel_sale", "retry_refunds"),  # tests/routes/sale/test_cancel_or_move.py
    *("refund_part", "retry_refund"),  # tests/routes/orders/test_refunds.py, test_stripe_refunds.py
    "sign_out_user",  # tests/routes/access/test_sign_in.py
    *("invite_user", "withdraw_invitation", "set_active"),  # tests/routes/access/test_people.py
    *("begin_second_factor", "confirm_second_factor", "remove_second_factor"),  # test_second_factor.py
    *(
        "forget_second_factor",
        "begin_passkey",
        "add_passkey",
        "remove_passkey",
    ),  # and tests/browser/test_people.py
    *(
        "give_right",
        "change_right",
        "withdraw_from_sale",
        "set_refund_limit",
    ),  # tests/routes/access/test_sale_rights.py
    *("make_file", "cancel_orders", "message_buyers", "stop_job"),  # tests/routes/system/test_jobs.py
    *("add_invites", "send_invite_again", "withdraw_invite"),  # tests/security/test_room_invites.py
    "set_newcomers",  # tests/security/test_suspects.py
    *("set_entry", "set_lanes", "set_login", "remove_login"),  # tests/security/test_members.py
    "save_autopilot",  # test_cockpit_autopilot.py
    "show_preview",  # changes nothing: tests/routes/gate/test_gate_preview.py
    *(
        "let_in",
        "start_anew",
        "drop_room",
        "make_site",
        "save_gate",
        "save_knownuser",
        "remove_knownuser",
        "push_config",
    ),  # test_console_sites.py
    *("edit_sale", "undo_edit"),  # tests/routes/sale/test_edit_sale.py
    *("live", "rehearse", "wipe", "duplicate_sale"),  # tests/routes/sale/test_sale_life.py
    *("acknowledge", "set_rule", "set_mailing"),  # tests/routes/system/test_alerts.py
    *("try_set_aside_again", "dismiss_set_aside"),  # tests/routes/system/test_set_aside.py
}
CHANGES_AGAIN = {"reset_room", "advance_room"}  # even when repeated
ELSEWHERE = {"create_webhook", "delete_webhook"}  # their ids are random: tests/routes/system/test_webhooks.py
ELSEWHERE |= {"acknowledge_alert"}  # test_alerts.py
ELSEWHERE |= {"create_key", "revoke_key", "cancel_order", "refund_order"}  # test_api_keys.py, test_refunds.py
ELSEWHERE |= {"end_session", "renew_session", "confirm_paid"}  # test_gate_sessions.py, test_paying.py
ELSEWHERE |= {"cancel_event", "move_event"}  # test_cancel_or_move.py
ELSEWHERE |= {"check_in", "undo_check_in", "delete_room"}  # test_door.py; test_rooms_without_event.py
ELSEWHERE |= {"block_seats", "release_seats", "set_seat_kind", "save_seat_plan"}  # test_seat_plan.py
ELSEWHERE |= {"preview_gate", "report_origin"}  # change nothing staff configure: test_gate_preview.py
ELSEWHERE |= {"create_codes", "switch_codes", "switch_code"}  # test_codes.py
ELSEWHERE |= {"add_guest", "withdraw_guest"}  # test_guests.py
ELSEWHERE |= {"invite_members", "withdraw_invite"}  # tests/security/test_room_invites.py
ELSEWHERE |= {"set_member_login", "delete_member_login"}  # tests/security/test_members.py
ELSEWHERE |= {"delete_knownuser", "push_knownuser"}  # test_knownuser.py; the second changes nothing here
ELSEWHERE |= {"increment_serving_counter", "reset_initial_state"}  # tests/clients/test_other_connectors.py
CHANGES = [
    it
    for it in CALLS
    if it.auth and it.auth.name in ("operator", "admin") and it.method != "GET" and it.name not in ELSEWHERE
]


async def rows(web: Web, query: str = "") -> list[Row]:
    """The log, newest first."""
    answer = await web.get(f"/v1/audit{query}", headers=web.as_("operator"))
    assert answer.status_code == 200, answer.text
    found: list[Row] = answer.json()["items"]
    return found


async def prepare(web: Web, step: Step, event_id: str) -> int:
    """Create the event and bring it to where the step makes sense; returns the log's length by then."""
    await web.event(event_id, opened=False)
    for action in step.first:
        await web.post(f"/v1/rooms/{event_id}/{action}", headers=web.as_("operator"))
    return await count(web)


async def count(web: Web) -> int:
    found: int = await web.app.stores.postgres.fetchval("SELECT count(*) FROM audit")
    return found


def subjects(found: list[Row]) -> tuple[tuple[str, str, str], ...]:
    """What the rows are about."""
    return tuple((it["action"], it["kind"], it["id"]) for it in found)


def expected(step: Step, event_id: str) -> tuple[tuple[str, str, str], ...]:
    """What the rows of the step should be about."""
    return tuple((action, kind, name.replace("{e}", event_id)) for action, kind, name in step.rows)


async def test_every_call_of_staff_that_changes_something_is_in_the_log_once(web: Web) -> None:
    for call in CHANGES:
        step, event_id = STEPS[call.name], call.name.replace("_", "-")
        before = await prepare(web, step, event_id)
        path = step.path.replace("{e}", event_id)
        refused = await web.send(call.method, path, json=step.body, headers=web.as_("user"))
        assert code(refused) == (403, "role_required"), call.name
        assert await count(web) == before, call.name
        headers = {**web.as_("admin", "boss"), "X-Request-Id": f"asked-{call.name}"}
        answer = await web.send(call.method, path, json=step.body, headers=headers)
        assert answer.status_code in (200, 201, 204), answer.text
        new = await rows(web, f"?per_page={await count(web) - before or 1}")
        assert subjects(new) == expected(step, event_id), call.name
        for row in new:
            assert (row["who"], row["role"], row["request_id"]) == ("boss", "admin", f"asked-{call.name}")
            assert (row["before"] is None) == (row["action"] in ("create", "remove", "advance")), call.name
            assert (row["after"] is None) == (row["action"] == "delete"), call.name
            assert row["before"] != row["after"], call.name
            age = datetime.now(UTC) - datetime.fromisoformat(row["changed_at"])
            assert age < timedelta(minutes=5), call.name
        after = await count(web)
        again = await web.send(call.method, path, json=step.body, headers=headers)
        assert again.status_code in (200, 204, 404, 409), again.text
        more = 1 if call.name in CHANGES_AGAIN else 0
        assert await count(web) == after + more, f"{call.name} changed nothing the second time"


async def test_the_forms_of_the_console_are_in_the_log(web: Web) -> None:
    for name in {it.name for it in CONSOLE if it.method == "POST"} - FORMS_ELSEWHERE:
        step, event_id = FORMS[name], name.replace("_", "-")
        before = await prepare(web, step, event_id)
        path = step.path.replace("{e}", event_id)
        answer = await web.send("POST", path, data=step.body, headers=await web.staff("operator", "ann"))
        assert answer.status_code == 303, answer.text
        new = await rows(web, f"?per_page={await count(web) - before or 1}")
        assert subjects(new) == expected(step, event_id)
        assert (new[0]["who"], new[0]["role"]) == ("ann", "operator")
        assert new[0]["request_id"]


async def test_only_what_differs_is_told_from_what_to_what(web: Web) -> None:
    await web.event(opened=False)
    patch = {"name": "Gala", "venue": "Old Hall", "starts_at": "2030-01-01T21:00:00+01:00"}
    await web.send("PATCH", "/v1/events/gala", json=patch, headers=web.as_("admin"))
    row = (await rows(web))[0]
    assert (row["before"], row["after"]) == ({"venue": ""}, {"venue": "Old Hall"})  # the same name and time
    await web.post("/v1/rooms/gala/open", headers=web.as_("operator"))
    opened = (await rows(web))[0]
    assert (opened["before"], opened["after"]) == ({"state": "scheduled"}, {"state": "open"})


async def test_nothing_is_told_that_is_secret(web: Web) -> None:
    await web.room("draw", opened=False, queueing_method="lottery")
    await web.event()
    seeds = await web.app.stores.postgres.fetch("SELECT encode(seed, 'hex') AS hex FROM rooms")
    text = (await web.get("/v1/audit?per_page=200", headers=web.as_("admin"))).text
    assert not any(row["hex"] in text for row in seeds)
    assert "seed" not in text


async def test_the_log_is_asked_by_thing_by_person_and_by_time(web: Web) -> None:
    await web.event(opened=False)
    await web.room("hall", opened=True)
    assert subjects(await rows(web, "?kind=room&id=hall")) == (
        ("open", "room", "hall"),
        ("create", "room", "hall"),
    )
    assert {it["who"] for it in await rows(web, "?who=a-admin")} == {"a-admin"}
    assert await rows(web, "?who=nobody") == []
    middle = (await rows(web, "?kind=event"))[0]["changed_at"]
    earlier, later = await rows(web, f"?to={middle}"), await rows(web, f"?from={middle}")
    assert subjects(later)[-1] == subjects(earlier)[0] == ("create", "event", "gala")
    assert len(earlier) + len(later) == len(await rows(web)) + 1
    page = await web.get("/v1/audit?per_page=2&page=2", headers=web.as_("operator"))
    assert [page.json()[it] for it in ("total", "page", "per_page")] == [5, 2, 2]
    assert 'rel="prev"' in page.headers["link"]
    assert (await web.get("/v1/audit?page=9", headers=web.as_("operator"))).json()["total"] == 5
    for name, value in (("from", "soon"), ("kind", ""), ("colour", "red")):
        answer = await web.get(f"/v1/audit?{name}={value}", headers=web.as_("operator"))
        assert field_of(answer) == name


async def test_staff_with_an_account_are_told_by_name_and_found_by_email(web: Web) -> None:
    new = {"email": "boss@example.org", "name": "The Boss", "password": "correct horse"}
    account = (await web.post("/v1/users", new)).json()
    await web.app.stores.postgres.execute("UPDATE accounts SET role = 'operator'")
    await web.room("hall", opened=False)
    headers = web.as_("operator", account["account_id"])
    await web.post("/v1/rooms/hall/open", headers=headers)
    found = await rows(web, "?who=Boss@Example.org")
    assert [(it["action"], it["who"], it["name"]) for it in found] == [
        ("open", account["account_id"], "The Boss")
    ]
    assert (await rows(web))[-1]["name"] is None  # a token of `fairgate token`


async def test_a_change_that_fails_half_way_leaves_no_row(web: Web) -> None:
    await web.room("hall", opened=False)
    before = await rows(web)
    taken = {**EVENT, "room": {"room_id": "hall"}}
    assert code(await web.post("/v1/events", taken, headers=web.as_("admin"))) == (409, "already_exists")
    await web.event(opened=False)
    rows_before = await count(web)
    twice = {
        **EVENT,
        "event_id": "gala",
        "room": {"room_id": "other"},
    }  # its room is created before it is refused
    assert code(await web.post("/v1/events", twice, headers=web.as_("admin"))) == (409, "already_exists")
    found = await rows(web)
    assert len(found) == rows_before
    assert found[-len(before) :] == before
