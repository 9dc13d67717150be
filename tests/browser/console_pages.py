"""Ways to the console's pages for orders, webhooks, the audit log, users, keys and health, and to /docs."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
from playwright.async_api import Page, expect

from tests.browser.conftest import Product
from tests.support.waiting import wait_until


async def buy(product: Product, email: str) -> tuple[str, dict[str, str]]:
    """A paid order of somebody with this e-mail: its id, and their place token."""
    room_id = await product.a_sale(admission_rate_per_minute=6000)
    async with httpx.AsyncClient(verify=False, base_url=product.url, timeout=20) as client:

        async def send(path: str, token: str, body: Any, key: str = "k") -> httpx.Response:
            client.cookies.clear()
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key} if token else {}
            return await client.post(f"/v1/{path}", json=body, headers=headers)

        place = (await send(f"rooms/{room_id}/places", "", {"email": email})).json()["place_token"]

        async def turn() -> str | None:
            answer = await send(f"rooms/{room_id}/places/me/booking-token", place, None)
            return answer.json().get("booking_token") if answer.is_success else None

        items = {"items": [{"ticket_type_id": "standing", "quantity": 2}]}
        booking = await wait_until(turn, "the turn")
        held = (await send(f"events/{room_id}/reservations", booking, items)).json()["reservation_id"]
        paid = await send(
            f"reservations/{held}/confirm", place, {"payment": {"method": "card", "token": "tok_ok"}}
        )
        assert paid.json()["status"] == "confirmed", paid.text
    return held, {"Authorization": f"Bearer {place}"}


async def open_signed_in(page: Page, product: Product, path: str) -> None:
    """Open a page of the console, signed in with the request that the form sends: it loads no page."""
    zone = await page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    form = {"token": product.token, "to": "/admin", "zone": zone}
    ours = {"Origin": product.url}
    done = await page.request.post(f"{product.url}/admin/sign-in", form=form, headers=ours, max_redirects=0)
    assert done.status == 303, await done.text()
    await page.goto(product.url + path)
    await expect(page.get_by_role("navigation", name="Console")).to_be_visible()


async def open_signed_in_by_form(page: Page, product: Product, path: str = "/admin") -> None:
    """Open a page of the console, and sign in on the way as people do."""
    await page.goto(product.url + path)
    await page.get_by_text("With an access token").click()
    await page.get_by_label("Access token").fill(product.token)
    await page.get_by_role("button", name="Sign in with it").click()
    await expect(page.get_by_role("navigation", name="Console")).to_be_visible()


async def orders(page: Page, product: Product) -> None:
    await product.a_sale(event={"name": "The longest name that anybody gave to a night of music " * 3})
    await open_signed_in(page, product, "/admin/orders")


async def no_orders(page: Page, product: Product) -> None:
    await open_signed_in(page, product, "/admin/orders?q=nobody")
    await expect(page.get_by_text("No orders match")).to_be_visible()


async def order(page: Page, product: Product) -> None:
    order_id, _ = await buy(product, "axe@example.org")
    await open_signed_in(page, product, f"/admin/orders/{order_id}")
    await page.get_by_text("Cancel and refund", exact=True).click()


async def move_or_cancel(page: Page, product: Product) -> None:
    await open_signed_in(page, product, f"/admin/rooms/{await product.a_sale()}/fate")
    await page.locator("summary", has_text="Cancel the sale").click()


async def sale_mails(page: Page, product: Product) -> None:
    await open_signed_in(page, product, f"/admin/rooms/{await product.a_sale()}/mails")


async def sale_buyers(page: Page, product: Product) -> None:
    await open_signed_in(page, product, f"/admin/rooms/{await product.a_sale()}/buyers")


async def refund_of_a_part(page: Page, product: Product) -> None:
    order_id, _ = await buy(product, "axe@example.org")
    await open_signed_in(page, product, f"/admin/orders/{order_id}")
    await page.get_by_text("Refund a part or cancel tickets").click()


async def attendees(page: Page, product: Product) -> None:
    order_id, buyer = await buy(product, "a.rather.long.address.of.somebody@subdomain.example.org")
    async with httpx.AsyncClient(verify=False, base_url=product.url, headers=buyer, timeout=20) as client:
        event_id = (await client.get(f"/v1/reservations/{order_id}")).json()["event_id"]
    await open_signed_in(page, product, f"/admin/rooms/{event_id}/attendees")
    await expect(page.get_by_role("region", name="Attendees found")).to_be_visible()


async def door(page: Page, product: Product) -> None:
    """With the result of an unknown code."""
    await open_signed_in(page, product, f"/admin/rooms/{await product.a_sale()}/door")
    await expect(page.locator("[data-link]")).to_have_text("online")
    await page.get_by_label("Code of a ticket").fill("nothing")
    await page.get_by_role("button", name="Check in", exact=True).click()
    await expect(page.locator("[data-verdict]")).to_contain_text("Unknown")


async def sale_report(page: Page, product: Product) -> None:
    await open_signed_in(page, product, f"/admin/rooms/{await product.a_sale()}/report")
    await expect(page.get_by_role("heading", name="Where visitors dropped off")).to_be_visible()


async def overview(page: Page, product: Product) -> None:
    """Of a draft, with its next steps."""
    room_id = await product.a_sale(opened=False, event={"published": False})
    await open_signed_in(page, product, f"/admin/rooms/{room_id}/overview")
    await expect(page.get_by_role("heading", name="Next steps")).to_be_visible()


async def edit(page: Page, product: Product) -> None:
    """With everything about money and times expanded."""
    await open_signed_in(page, product, f"/admin/rooms/{await product.a_sale()}/edit")
    for summary in reversed(await page.locator("details:not([open]) > summary").all()):
        await summary.click()


async def edit_confirmed(page: Page, product: Product) -> None:
    """The effects of a change, before it is saved."""
    await edit(page, product)
    await page.get_by_label("Starts", exact=True).fill("2030-06-08T20:00")
    await page.get_by_label("Price of Standing").fill("50")
    await page.get_by_role("button", name="Review the changes").click()
    await expect(page.get_by_text("Nothing is changed yet: 2 changes to confirm")).to_be_visible()


async def duplicate(page: Page, product: Product) -> None:
    await open_signed_in(page, product, f"/admin/rooms/{await product.a_sale()}/duplicate")


async def codes(page: Page, product: Product) -> None:
    """Of a sale with one code just created with the form, and a batch."""
    room_id = await product.a_sale()
    await open_signed_in(page, product, f"/admin/rooms/{room_id}/codes")
    for fields in (
        {"For whom": "Fan club", "One code for all": "FANS"},
        {"For whom": "Press", "How many": "3"},
    ):
        for label, value in (fields | {"Percent off": "10"}).items():
            await page.get_by_label(label).fill(value)
        await page.get_by_role("button", name="Create codes").click()
        await expect(page.get_by_role("heading", name=fields["For whom"])).to_be_visible()
        await page.get_by_role("link", name="All codes").click()
    await expect(page.get_by_role("link", name="Press")).to_be_visible()


async def webhooks(page: Page, product: Product) -> None:
    await open_signed_in(page, product, "/admin/webhooks")


async def audit_log(page: Page, product: Product) -> None:
    await product.a_sale()
    await open_signed_in(page, product, "/admin/audit")


async def users(page: Page, product: Product) -> None:
    await open_signed_in(page, product, "/admin/users")


async def people_of_a_sale(page: Page, product: Product) -> None:
    await open_signed_in(page, product, f"/admin/rooms/{await product.a_sale()}/people")


async def is_it_you(page: Page, product: Product) -> None:
    await open_signed_in(page, product, "/admin/sign-ins/proof")


async def how_mails_leave(page: Page, product: Product) -> None:
    await open_signed_in(page, product, "/admin/mail/sender")


async def invitation(page: Page, product: Product) -> None:
    """What an invited person's link shows."""
    await open_signed_in(page, product, "/admin/users")
    await page.get_by_label("E-mail", exact=True).fill(f"{uuid4().hex}@example.org")
    await page.get_by_label("Name", exact=True).fill("Nora")
    await page.get_by_role("button", name="Invite").click()
    await page.goto(await page.get_by_label("The secret").input_value())


async def keys(page: Page, product: Product) -> None:
    """With a newly created key, and the confirmation to revoke it expanded."""
    await open_signed_in(page, product, "/admin/keys")
    await page.get_by_label("Used by").fill("Screens")
    await page.get_by_role("button", name="Create key").click()
    await expect(page.get_by_label("The secret")).to_be_visible()
    await page.locator("summary", has_text="Revoke").first.click()


async def health(page: Page, product: Product) -> None:
    await open_signed_in(page, product, "/admin/health")
    await expect(page.get_by_text("running").first).to_be_visible()


async def alerts(page: Page, product: Product) -> None:
    """With one open alert, and the rules."""
    await product.sql(
        "INSERT INTO alerts (rule, subject, severity, text, since) VALUES ('key_old', 'access', 'ticket', "
        "'The key that signs access tokens is 190 days old.', now()) ON CONFLICT DO NOTHING"
    )
    await open_signed_in(page, product, "/admin/alerts")
    await expect(page.get_by_role("heading", name="Rules")).to_be_visible()


async def runbook(page: Page, product: Product) -> None:
    await open_signed_in(page, product, "/admin/runbook")


async def message(page: Page, product: Product) -> None:
    event_id = await product.a_sale()
    await open_signed_in(page, product, f"/admin/orders/message?event={event_id}")


async def job(page: Page, product: Product) -> None:
    """A finished one that was started with the form."""
    await message(page, product)
    await page.get_by_label("Subject").fill("Doors at seven")
    await page.get_by_label("Text").fill("Dear guests,\n\nplease come early.")
    await page.get_by_role("button", name="Send to all buyers").click()
    await expect(page.locator(".chip", has_text="done")).to_be_visible()


async def jobs(page: Page, product: Product) -> None:
    await job(page, product)
    await page.get_by_role("link", name="All jobs").click()
    await expect(page.get_by_role("heading", name="Jobs")).to_be_visible()


async def forgot_password(page: Page, product: Product) -> None:
    """Without a sign-in; without a mail server the page says whom to ask."""
    await page.goto(f"{product.url}/admin")
    await page.get_by_role("link", name="Forgot your password?").click()
    await expect(page.get_by_role("heading", name="Forgot your password?")).to_be_visible()


async def reset_over(page: Page, product: Product) -> None:
    """A link that has been used."""
    await page.goto(f"{product.url}/admin/reset-password?token=used")


STAFF = [
    orders,
    no_orders,
    order,
    attendees,
    door,
    message,
    job,
    jobs,
    sale_report,
    move_or_cancel,
    sale_mails,
    sale_buyers,
    refund_of_a_part,
    overview,
    edit,
    edit_confirmed,
    duplicate,
    codes,
    webhooks,
    audit_log,
    users,
    people_of_a_sale,
    is_it_you,
    how_mails_leave,
    invitation,
    keys,
    health,
    alerts,
    runbook,
    forgot_password,
    reset_over,
]
