"""The links in e-mails. Each works in any browser: it carries what its page needs, and nothing more."""

from __future__ import annotations

import time
from typing import NamedTuple

from app.core.accounts.fans import FanSigner
from app.core.accounts.invitations import InvitationSigner
from app.core.accounts.password_resets import ResetSigner
from app.core.clock import to_ms
from app.core.model import RoomId, VisitorId
from app.core.notifications.email import CLAIM_LINK_S, ClaimSigner
from app.core.tokens.handover import HandoverSigner
from app.core.tokens.order_rights import OrderSigner
from app.settings import Settings
from app.store.sql.notifications.mails import Mail

AFTER_EVENT_S = 30 * 86_400  # how long a link to a reservation still works, at least


class Signers(NamedTuple):
    """The signers of links."""

    claims: ClaimSigner
    resets: ResetSigner
    invitations: InvitationSigner
    orders: OrderSigner
    handover: HandoverSigner
    fans: FanSigner


class Writer(NamedTuple):
    """What rendering e-mails needs: our base address, "" if unknown; None without a secret."""

    base_url: str
    signers: Signers | None


def open_writer(settings: Settings) -> Writer:
    """The writer of this process. Without a secret there are no links that prove anything."""
    secret = settings.secret.get_secret_value().encode()
    base_url = settings.public_url.rstrip("/")
    if not secret:
        return Writer(base_url, None)
    signers = Signers(
        ClaimSigner(secret),
        ResetSigner(secret),
        InvitationSigner(secret),
        OrderSigner(secret),
        HandoverSigner(secret),
        FanSigner(secret),
    )
    return Writer(base_url, signers)


def secret_url(writer: Writer, mail: Mail) -> str:
    """The link reserved for the reader, because it lets its bearer act as them. "" for most kinds."""
    if writer.signers is None or not writer.base_url:
        return ""
    if mail.kind == "fan_code":
        return writer.signers.fans.code(mail.subject_id)
    if mail.kind == "reset_password":
        return url(writer, f"/admin/reset-password?token={writer.signers.resets.token(mail.subject_id)}")
    if mail.kind == "invite":
        return url(writer, f"/admin/invitation?token={writer.signers.invitations.token(mail.subject_id)}")
    if mail.kind == "room_invite":
        token = writer.signers.invitations.room_token(mail.subject_id.partition(" ")[0])
        return url(writer, f"/rooms/{mail.room_id}/member?invite={token}")
    if mail.kind == "tickets_link":
        return url(writer, f"/tickets/open?token={writer.signers.orders.confirmation_token(mail.subject_id)}")
    if mail.kind == "transfer_offer":
        return url(
            writer, f"/tickets/accept?token={writer.signers.orders.confirmation_token(mail.subject_id)}"
        )
    if mail.kind == "ticket":
        key = writer.signers.orders.ticket_link(mail.subject_id, _until_s(mail))
        return url(writer, f"/tickets/mine?key={key}")
    return ""


def room_url(writer: Writer, mail: Mail) -> str:
    """The link to the queue; for a turn it carries the place, which can be taken to another browser."""
    room_id, visitor_id, *_ = [*mail.subject_id.split(" "), ""]
    if mail.kind != "your_turn" or writer.signers is None or mail.until is None or room_id != mail.room_id:
        return url(writer, f"/rooms/{mail.room_id}")
    now_s = int(time.time())
    left_s = max(0, to_ms(mail.until) // 1000 - now_s)
    code = writer.signers.handover.sign_code(RoomId(room_id), VisitorId(visitor_id), now_s, left_s)
    return url(writer, f"/rooms/{room_id}/carry?place={code}")


def reservation_url(writer: Writer, mail: Mail) -> str:
    """The link to the reservation, which shows it in any browser; "" in e-mails about none."""
    if mail.reservation_id is None:
        return ""
    path = f"/reservations/{mail.reservation_id}"
    if writer.signers is None:
        return url(writer, path)
    key = writer.signers.orders.link(mail.reservation_id, _until_s(mail))
    return url(writer, f"{path}/open?key={key}")


def _until_s(mail: Mail) -> int:
    return max(to_ms(mail.created_at), to_ms(mail.starts_at)) // 1000 + AFTER_EVENT_S


def claim_url(writer: Writer, mail: Mail) -> str:
    """The link to add a guest's reservation to the mailbox's account; "" if there is none."""
    if mail.kind not in ("held", "confirmed") or not mail.guest or mail.reservation_id is None:
        return ""
    if writer.signers is None or not writer.base_url:
        return ""
    exp = int(mail.created_at.timestamp()) + CLAIM_LINK_S
    signature = writer.signers.claims.sign(mail.reservation_id, mail.recipient, exp)
    return url(writer, f"/v1/reservations/{mail.reservation_id}/claim?expires={exp}&signature={signature}")


def url(writer: Writer, path: str) -> str:
    """The absolute address of a path; "" if our own address is unknown."""
    return f"{writer.base_url}{path}" if writer.base_url else ""
