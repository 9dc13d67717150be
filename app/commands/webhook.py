"""webhook list | replay: the state of deliveries to others, and repeating them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from app.commands.command_settings import Data, on_stores
from app.core.account import COMMAND_LINE
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.notifications import webhooks as stored
from app.store.sql.notifications.webhooks import Webhook

LISTED_MAX = 1_000

app = typer.Typer(help="List webhooks and send events again.", rich_markup_mode=None)


@app.command("list")
def list_webhooks(*, data: Data = None) -> None:
    """List all webhooks: state, pending and failed deliveries, last failure."""

    async def read(stores: Stores, _settings: Settings) -> list[Webhook]:
        return (await stored.select(stores.postgres, limit=LISTED_MAX, offset=0))[0]

    rows = [("WEBHOOK", "STATE", "PENDING", "GIVEN UP", "URL", "LAST FAILURE")]
    rows += [_row(it) for it in on_stores(data, read)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(webhook: Webhook) -> tuple[str, str, str, str, str, str]:
    state = "disabled" if webhook.disabled_at else "enabled"
    failed = f"{webhook.failed_at:%Y-%m-%dT%H:%M:%SZ} {webhook.failure}" if webhook.failed_at else "-"
    return webhook.webhook_id, state, str(webhook.pending), str(webhook.given_up), webhook.url, failed


@app.command()
def replay(
    webhook: Annotated[str, typer.Argument(metavar="WEBHOOK_ID")],
    *,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"],
            help="All events since then (UTC), which are kept for three days.",
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Resend failed deliveries, or everything since a time; enables a disabled webhook."""
    from app.notifications.channels import webhooks  # imports an HTTP client

    moment = since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since

    async def again(stores: Stores, _settings: Settings) -> int:
        return await webhooks.replay(stores, webhook, moment, by=COMMAND_LINE)

    count = on_stores(data, again)
    print(f"{webhook}: {count} to be delivered again")
