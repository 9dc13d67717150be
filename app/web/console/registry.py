"""Imports every module of console pages; importing one declares its pages."""

from __future__ import annotations

from quart import Quart

from app.web.console import (
    alerts,
    attendees,
    audit,
    autopilot,
    cockpit,
    codes,
    connect,
    demo,
    door,
    duplicate,
    edit,
    entry,
    fate,
    gate_preview,
    gate_settings,
    guests,
    health,
    jobs,
    keys,
    knownuser,
    mail,
    orders,
    overview,
    passkeys,
    refunds,
    report,
    room_invites,
    rooms,
    runbook,
    sale,
    sale_mails,
    sale_people,
    seat_choice,
    seat_names,
    seat_plan,
    seats,
    second_factor,
    sender,
    sign_in,
    site_actions,
    sites,
    theme,
    users,
    webhooks,
)
from app.web.console.demo import register_sign_in_link
from app.web.console.frame import register_console
from app.web.console.invitation import register_invitation
from app.web.console.oidc import register_oidc
from app.web.console.passkeys import register_passkeys
from app.web.console.password_reset import register_reset
from app.web.console.second_factor import register_second_factor
from app.web.console.sign_in import register_sign_in

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
    *(duplicate, fate),
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
