"""Every page of the console. Importing a module of pages declares what is in it."""

from __future__ import annotations

from quart import Quart

from app.web.console import (
    alerts,
    audit,
    autopilot,
    cockpit,
    connect,
    gate_preview,
    gate_settings,
    health,
    jobs,
    keys,
    knownuser,
    mail,
    orders,
    report,
    rooms,
    runbook,
    sale,
    sign_in,
    site_actions,
    sites,
    theme,
    users,
    webhooks,
)
from app.web.console.frame import register_console
from app.web.console.password_reset import register_reset
from app.web.console.sign_in import register_sign_in

MODULES = (
    *(rooms, cockpit, report, autopilot, sale, orders, mail, webhooks),
    *(sites, site_actions, connect, gate_settings, gate_preview, knownuser),
    audit,
    jobs,
    *(users, keys, alerts, runbook, health, sign_in, theme),
)


def register_console_pages(app: Quart) -> None:
    """Add the console."""
    register_sign_in(app)
    register_reset(app)
    register_console(app)
