"""Every page of the console. Importing a module of pages declares what is in it."""

from __future__ import annotations

from quart import Quart

from app.web import (
    console_audit,
    console_cockpit,
    console_health,
    console_jobs,
    console_keys,
    console_mail,
    console_orders,
    console_rooms,
    console_sale,
    console_sign_in,
    console_theme,
    console_users,
    console_webhooks,
)
from app.web.console import register_console
from app.web.console_reset import register_reset
from app.web.console_sign_in import register_sign_in

MODULES = (
    *(console_rooms, console_cockpit, console_sale, console_orders, console_mail, console_webhooks),
    console_audit,
    console_jobs,
    *(console_users, console_keys, console_health, console_sign_in, console_theme),
)


def register_console_pages(app: Quart) -> None:
    """Add the console."""
    register_sign_in(app)
    register_reset(app)
    register_console(app)
