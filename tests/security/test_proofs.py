"""Dangerous actions in the console ask for proof of identity again: all forms in one table, no others."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from app.store.connections import Stores
from app.web.console.console_routes import CONSOLE
from app.web.console.proofs import FIELD, NEEDS_PROOF
from tests.routes.access.test_people import WORD, appoint
from tests.routes.conftest import Web, code

DANGEROUS = re.compile(
    r"/(delete|reset|role|active|people|keys|webhooks|knownuser|cancel-sale|second-factor)\b"
)
HARMLESS = {  # they end something, or ask for a code themselves
    "/admin/keys/<key_id>/revoke",
    "/admin/webhooks/<webhook_id>/delete",
    "/admin/webhooks/<webhook_id>/replay",
    "/admin/rooms/<room_id>/knownuser/push",
    "/admin/rooms/<room_id>/people/invitations/<invitation_id>/withdraw",
    "/admin/sign-ins/second-factor/confirm",
    "/admin/sign-ins/second-factor/remove",
}
NEW = {"name": "Shop", "role": "operator", "form": "a" * 32}
FORMS = {it.path for it in CONSOLE if it.method == "POST"}


async def age_sign_ins(stores: Stores) -> None:
    """Make all sign-ins half an hour old."""
    await stores.postgres.execute(
        "UPDATE sign_ins SET created_at = now() - interval '30 minutes', proved_at = NULL"
    )


def test_the_table_names_forms_and_leaves_none_out_that_sounds_like_it() -> None:
    assert NEEDS_PROOF <= FORMS
    assert {it for it in FORMS if DANGEROUS.search(it)} - NEEDS_PROOF == HARMLESS & FORMS
    assert HARMLESS <= FORMS


async def test_every_form_of_the_table_asks_and_changes_nothing(web: Web, stores: Stores) -> None:
    boss = await web.staff("admin", "boss")
    await age_sign_ins(stores)
    before = await stores.postgres.fetchval("SELECT count(*) FROM audit")
    for path in sorted(NEEDS_PROOF):
        named = re.sub("<[a-z_]+>", "gala", path.replace("<passkey_id>", str(uuid4())))
        answer = await web.post(named, data={"kept": "<as it was>"}, headers=boss)
        assert (answer.status_code, "Is it you?" in answer.text) == (403, True), path
        assert 'name="kept" value="&lt;as it was&gt;"' in answer.text
    assert await stores.postgres.fetchval("SELECT count(*) FROM audit") == before
    answer = await web.post("/admin/sign-ins/clock", data={"timezone": "Asia/Tokyo"}, headers=boss)
    assert answer.status_code == 303, "forms outside the table work as before"


async def test_a_proof_does_what_was_asked_for_and_is_good_for_a_while(web: Web, stores: Stores) -> None:
    await web.room("hall")
    boss = await web.staff("admin", "boss")
    await age_sign_ins(stores)
    token = web.as_("admin", "boss")["Authorization"].removeprefix("Bearer ")
    other = web.as_("admin", "ann")["Authorization"].removeprefix("Bearer ")
    for wrong in ("nonsense", other):
        answer = await web.post("/admin/rooms/hall/delete", data={FIELD: wrong}, headers=boss)
        assert (answer.status_code, 'role="alert"' in answer.text) == (401, True)
    made = await web.post("/admin/keys/create", data=NEW | {FIELD: token}, headers=boss)
    assert (made.status_code, "fgk_" in made.text) == (200, True), made.text
    done = await web.post("/admin/keys/create", data=NEW | {"form": "b" * 32}, headers=boss)
    assert "fgk_" in done.text, "the proof is recent"


@pytest.mark.parametrize("given", ["a wrong password", WORD])
async def test_an_account_proves_it_with_its_password(web: Web, stores: Stores, given: str) -> None:
    bea = await appoint(web, "bea@example.org", "admin")
    await age_sign_ins(stores)
    made = await web.post("/admin/keys/create", data=NEW | {FIELD: given}, headers=bea)
    if given != WORD:
        assert (made.status_code, "fgk_" in made.text) == (401, False)
        return
    key = {"Authorization": f"Bearer {re.findall(r'fgk_[A-Za-z0-9_-]+', made.text)[0]}"}
    assert (await web.get("/v1/orders", headers=key)).status_code == 200
    boss = await web.staff("admin", "boss")
    whose = await stores.postgres.fetchval("SELECT account_id FROM accounts")
    await appoint(web, "ann@example.org", "admin")  # the last admin cannot be deactivated
    answer = await web.post(f"/admin/users/{whose}/active", data={"active": "no"}, headers=boss)
    assert answer.status_code == 303, answer.text
    refused = await web.get("/v1/orders", headers=key)
    assert code(refused)[0] == 401, "a key ends with its creator"
