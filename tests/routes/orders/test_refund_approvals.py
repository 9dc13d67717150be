"""A refund above the sale's limit is made when a second person requests the same."""

from __future__ import annotations

from tests.routes.conftest import Web, code
from tests.routes.orders.test_orders import a_purchase
from worker.context import WorkerContext


async def limit_refunds(web: Web, above: str) -> dict[str, str]:
    """The sale `gala`, in which refunds above a limit need two people, and a signed-in admin."""
    await web.event(floor=9)
    boss = await web.staff("admin", "boss")
    done = await web.post("/admin/rooms/gala/people/refunds", data={"above": above}, headers=boss)
    assert done.status_code == 303, done.text
    return boss


async def test_the_second_person_makes_it_and_the_first_cannot(web: Web, worker: WorkerContext) -> None:
    boss = await limit_refunds(web, "99.99")
    order, _ = await a_purchase(web)  # for 100.00
    path = f"/admin/orders/{order}"
    for _ in range(2):
        answer = await web.post(f"{path}/cancel", data={}, headers=boss)
        assert (answer.status_code, "somebody else has to do the same" in answer.text) == (409, True)
    assert "waits for a second person" in (await web.get(path, headers=boss)).text
    key = {"name": "Box office", "role": "admin"}
    made = (await web.post("/v1/keys", key, headers=web.as_("admin", "boss"))).json()["key"]
    by_program = await web.post(f"/v1/orders/{order}/cancel", headers={"Authorization": f"Bearer {made}"})
    assert code(by_program) == (409, "approval_needed"), "a program is not a second person"
    by_maker = await web.post(f"/v1/orders/{order}/cancel", headers=web.as_("admin", "boss"))
    assert code(by_maker) == (409, "approval_needed"), "nor is the creator of its key"
    second = await web.post(f"/v1/orders/{order}/cancel", headers=web.as_("admin", "ann"))
    assert (second.status_code, second.json()["status"]) == (200, "cancelled")
    story = (await web.get(path, headers=boss)).text
    assert "waits for a second person" not in story
    rows = (await web.get(f"/v1/audit?kind=reservation&id={order}", headers=web.as_("admin"))).json()["items"]
    assert [it["action"] for it in rows] == ["cancel", "approve refund", *["ask for refund"] * 4]
    assert (await web.post(f"{path}/cancel", data={}, headers=boss)).status_code == 303, "nothing more to do"


async def test_small_refunds_add_up_and_what_is_below_goes_at_once(web: Web, worker: WorkerContext) -> None:
    boss = await limit_refunds(web, "30")
    order, _ = await a_purchase(web)

    async def refund(amount: int, key: str, who: str) -> tuple[int, str]:
        headers = {**web.as_("admin", who), "Idempotency-Key": key}
        answer = await web.post(f"/v1/orders/{order}/refunds", {"amount": amount}, headers=headers)
        return (201, "") if answer.status_code == 201 else code(answer)

    assert await refund(2000, "a", "ann") == (201, "")
    assert await refund(2000, "b", "ann") == (409, "approval_needed"), "40.00 in all"
    assert await refund(2500, "c", "bob") == (409, "approval_needed"), "more than was asked for"
    assert await refund(2500, "d", "ann") == (201, "")
    assert await refund(2500, "d", "ann") == (201, ""), "the same once more"
    refunded = await web.app.stores.postgres.fetchval("SELECT sum(amount) FROM refunds")
    assert refunded == 4500
    page = await web.post("/admin/rooms/gala/people/refunds", data={"above": "many"}, headers=boss)
    assert page.status_code == 422
    ann = await web.staff("admin", "ann")
    limit = "/admin/rooms/gala/people/refunds"
    for above, who, status in (
        ("", boss, 409),  # less protection: the first person only asks
        ("", boss, 409),
        ("500", ann, 409),  # another amount is another request
        ("", boss, 409),
        ("", ann, 303),
        ("20", ann, 303),  # more protection: one person suffices
        ("", boss, 409),
        ("20", boss, 303),  # the pending request is void
        ("", ann, 409),
        ("", boss, 303),
    ):
        answer = await web.post(limit, data={"above": above}, headers=who)
        assert (answer.status_code, above) == (status, above), answer.text
        waits = "It counts as soon as somebody else saves the same" in answer.text
        assert waits == (status == 409)
    assert await refund(5500, "e", "ann") == (201, "")
