"""Mails of a sale in PostgreSQL: queueing them, and what became of them."""

from __future__ import annotations

from app.core.clock import now_ms
from app.notifications import relay
from app.store.connections import Stores
from app.store.sql.notifications import mailboxes
from app.store.sql.notifications.mailboxes import NewMailbox
from app.store.sql.reservations.reservations import NewHold, Origin, insert_holds
from tests.support.sales import GALA, HALL


async def queue_mails(stores: Stores, *emails: str, first: int = 0) -> None:
    """Create a hold for each address, each with its own visitor, and relay the events."""
    holds = []
    for number, email in enumerate(emails, first):
        new = NewMailbox(HALL, f"visitor-{number}", email, "", guest=True, confirmed=True)
        await mailboxes.save(stores.postgres, new)
        terms = f"5000|EUR|{now_ms()}|{now_ms() + 300_000}|floor:1:5000"
        holds.append(NewHold(f"res-{number:03}", f"visitor-{number}", "print", terms))
    epoch = await stores.postgres.fetchval("SELECT epoch FROM rooms")
    assert len(await insert_holds(stores.postgres, Origin(HALL, epoch, GALA), holds)) == len(emails)
    while await relay.relay(stores):
        pass


async def states(stores: Stores) -> dict[str, tuple[str, str]]:
    """State and reason of each mail, by recipient."""
    rows = await stores.postgres.fetch("SELECT recipient, state, why FROM mails")
    return {row["recipient"]: (row["state"], row["why"]) for row in rows}


async def make_due(stores: Stores) -> None:
    """Retries, and mail leased by a dead worker, are due now."""
    await stores.postgres.execute("UPDATE mails SET due_at = now() - interval '1 s'")
