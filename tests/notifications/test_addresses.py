"""Where visitors can be reached: nothing a visitor left is overwritten, and a join needs no e-mail."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from app.core.account import Account
from app.core.errors import Conflict, StoreUnavailable
from app.core.model import ReservationId, VisitorId
from app.core.notifications.email import ClaimSigner, Traces
from app.notifications import addresses
from app.store.connections import Stores, connect_postgres
from app.store.sql.accounts import accounts
from app.store.sql.notifications.mailboxes import Mailbox, NewMailbox
from tests.support.mails import queue_mails
from tests.support.sales import HALL, a_sale

TRACES, SIGNER = Traces(b"s" * 32), ClaimSigner(b"s" * 32)
VISITOR, ANN = VisitorId("visitor-0"), "ann@example.org"
NEW = NewMailbox(HALL, VISITOR, "other@example.org", "", guest=True)


@pytest.fixture
async def read_only(stores: Stores, database_url: str) -> AsyncIterator[Stores]:
    """The stores after a fail-over to a standby: it answers, and refuses to write."""
    url = f"{database_url}?options=-c%20default_transaction_read_only%3Don"
    standby = await connect_postgres(url, timeout_s=20, connections_max=1)
    yield Stores(stores.redis, standby)
    standby.terminate()


async def an_account(stores: Stores, account_id: str = "a1") -> Account:
    """Ann's account."""
    made = await accounts.insert_account(
        stores.postgres, account_id, email=ANN, name="Ann", password_hash="", role="user"
    )
    assert made is not None
    return Account(subject=account_id, role="user")


async def test_a_join_succeeds_though_its_address_cannot_be_stored(stores: Stores, read_only: Stores) -> None:
    await a_sale(stores)
    account = await an_account(stores)
    with capture_logs() as logged:
        await addresses.save(read_only, NEW)
        await addresses.keep_of_account(read_only, TRACES, NEW._replace(account_id=account.subject))
    assert [it["event"] for it in logged] == ["an e-mail address was not stored"] * 2
    assert not any(ANN in str(it) or NEW.email in str(it) for it in logged)
    with pytest.raises(StoreUnavailable):  # it is what the join needs
        await addresses.request_confirmation(read_only, NEW)
    assert await addresses.of_visitor(stores, HALL, VISITOR) is None


async def test_an_accounts_address_replaces_none_that_the_visitor_left(stores: Stores) -> None:
    await a_sale(stores)
    account = await an_account(stores)
    of_account = NEW._replace(account_id=account.subject, guest=False)
    for without in (NEW, NEW._replace(account_id="unknown")):
        await addresses.keep_of_account(stores, TRACES, without)
        assert await addresses.of_visitor(stores, HALL, VISITOR) is None
    await addresses.keep_of_account(stores, TRACES, of_account)
    assert await addresses.of_visitor(stores, HALL, VISITOR) == Mailbox(ANN, confirmed=False, asked=True)
    await addresses.save(stores, NEW)
    await addresses.keep_of_account(stores, TRACES, of_account)
    found = await addresses.of_visitor(stores, HALL, VISITOR)
    assert found is not None
    assert found.email == NEW.email


@pytest.mark.parametrize(
    "by_another",
    ["UPDATE reservations SET claimed_by = 'another'", "UPDATE mailboxes SET guest = false"],
    ids=("claimed", "reserved"),
)
async def test_a_reservation_of_another_account_cannot_be_taken_over(stores: Stores, by_another: str) -> None:
    await a_sale(stores)
    await queue_mails(stores, ANN)
    account, reservation_id = await an_account(stores), ReservationId("res-000")
    exp = int(time.time()) + 60
    link = (exp, SIGNER.sign(reservation_id, ANN, exp))
    await stores.postgres.execute(by_another)
    before = await stores.postgres.fetchval("SELECT claimed_by FROM reservations")
    with pytest.raises(Conflict, match="belongs to another account"):
        await addresses.claim(stores, SIGNER, account, reservation_id, link)
    assert await stores.postgres.fetchval("SELECT claimed_by FROM reservations") == before
    await stores.postgres.execute("UPDATE reservations SET claimed_by = NULL")
    await stores.postgres.execute("UPDATE mailboxes SET guest = true")
    for _ in range(2):
        taken = await addresses.claim(stores, SIGNER, account, reservation_id, link)
        assert taken.reservation_id == reservation_id
