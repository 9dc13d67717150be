"""Imports every module of console pages; importing one declares its pages."""

from __future__ import annotations

from quart import Quart

from app.web.console.access import passkeys, second_factor, sign_in
from app.web.console.access.invitation import register_invitation
from app.web.console.access.oidc import register_oidc
from app.web.console.access.passkeys import register_passkeys
from app.web.console.access.password_reset import register_reset
from app.web.console.access.second_factor import register_second_factor
from app.web.console.access.sign_in import register_sign_in
from app.web.console.frame import register_console
from app.web.console.orders import orders, refunds
from app.web.console.room import (
    autopilot,
    cockpit,
    connect,
    gate_preview,
    gate_settings,
    knownuser,
    rooms,
    site_actions,
    sites,
)
from app.web.console.sale import (
    attendees,
    cancel_or_move,
    codes,
    door,
    duplicate,
    edit,
    entry,
    guests,
    overview,
    report,
    room_invites,
    seat_choice,
    seat_names,
    seat_plan,
    seats,
    theme,
)
from app.web.console.sale import mails as sale_mails
from app.web.console.sale import new as sale
from app.web.console.sale import people as sale_people
from app.web.console.system import (
    alerts,
    audit,
    demo,
    health,
    jobs,
    keys,
    mail,
    runbook,
    sender,
    users,
    webhooks,
)
from app.web.console.system.demo import register_sign_in_link

MODULES = (
    *(
        rooms,
        cockpit,
        report,
        autopilot,
        sale,
        sale_people,
        edit,
        entry,
        room_invites,
        codes,
        seats,
        seat_plan,
        seat_choice,
        seat_names,
        overview,
    ),
    *(duplicate, cancel_or_move),
    *(orders, refunds, attendees, guests, door, sale_mails, mail, sender, webhooks),
    *(sites, site_actions, connect, gate_settings, gate_preview, knownuser),
    audit,
    jobs,
    *(users, keys, alerts, runbook, health, sign_in, passkeys, second_factor, theme, demo),
)


def register_console_pages(app: Quart) -> None:
    """Add the console."""
    register_sign_in(app)
    register_reset(app)
    register_invitation(app)
    register_sign_in_link(app)
    register_second_factor(app)
    register_passkeys(app)
    register_oidc(app)
    register_console(app)
