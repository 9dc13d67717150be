"""Sends e-mails: rendered, handed to the SMTP server, retried, given up after a day. Never sent twice.

Until the DATA command is sent, an interrupted attempt is repeated. From then on the server may have the
e-mail: only a refusal allows a retry. If interrupted there, it is `unclear`, and left for staff to check.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from email.utils import parseaddr
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPRecipientRefused, SMTPResponseException

from app import audit, logs, metrics
from app.audit import Entity
from app.core.account import Author
from app.core.errors import Conflict, NotFound
from app.core.notifications.email import MailState, address
from app.core.notifications.webhook_policy import retry_after_s
from app.core.reservations.wallet import PassSigner
from app.core.text.error_text import describe_error
from app.notifications import email_content, email_message, wallet_passes
from app.notifications.channel import Channel, Send
from app.notifications.email_content import EmailContent, NoLongerNeeded, Writer
from app.set_aside import failures
from app.settings import Settings
from app.store.away import stores_answer
from app.store.connections import STORE_AWAY, Connection, Stores
from app.store.spans import below
from app.store.sql.notifications import mail_queue, mails
from app.store.sql.notifications.mails import Mail, MailRow
from app.store.sql.notifications.outbox import OutboxBatch
from app.store.traces import Attributes

LANES = 4  # connections to the server at once
LINE_BROKEN: tuple[type[Exception], ...] = (SMTPException, *STORE_AWAY)
AT_ONCE = 5  # e-mails per attempt; all of them take less time than their lease
MAIL_TIMEOUT_S = 20.0
WHY_MAX = 300
NO_MAIL = "There is no such e-mail."


class Mailer(NamedTuple):
    """How this process sends e-mails; without a `url` they are only stored."""

    url: str
    sender: str
    writer: Writer
    wallet: PassSigner | None = None


class DeliveryUnclear(Exception):
    """The connection broke while the server was accepting the e-mail: it may have arrived."""


def open_mailer(settings: Settings) -> Mailer:
    """The mailer of this process; nothing to close."""
    url, writer = settings.smtp_url.get_secret_value(), email_content.open_writer(settings)
    return Mailer(url, settings.mail_from, writer, settings.pass_signer())


async def send_due(stores: Stores, mailer: Mailer) -> bool | None:
    """Send a few e-mails that are due. None if there were none; False if the server accepted none."""
    await _close_unclear(stores)
    due = await mails.claim(stores.postgres, AT_ONCE)
    if not due:
        return None
    ready = []
    for mail in due:
        try:
            content = email_content.write(mailer.writer, mail)
            readable = email_content.readable_copy(mailer.writer, mail, content)
            await mails.write(stores.postgres, mail, readable, is_kept=not mailer.url)
        except NoLongerNeeded as error:
            await mails.settle(stores.postgres, mail, "dropped", str(error))
            metrics.MAILS.labels("dropped").inc()
        except STORE_AWAY:
            raise
        except Exception as error:  # whatever the cause, it affects only this e-mail
            await _failed_unexpectedly(stores, mail, error)
        else:
            ready.append((mail, content))
    if not mailer.url:
        metrics.MAILS.labels("kept").inc(len(ready))
        return True
    return not ready or await _send(stores, mailer, ready)


async def _send(stores: Stores, mailer: Mailer, ready: Sequence[tuple[Mail, EmailContent]]) -> bool:
    """Send all over one connection; returns whether any was accepted, or given up for good. What remains
    when the connection breaks is retried."""
    left, accepted = list(ready), False
    try:
        async with connected(mailer.url) as client:
            while left:
                mail, content = left[0]
                try:
                    accepted = await _send_one(stores, mailer, client, mail, content) or accepted
                except LINE_BROKEN:
                    raise
                except Exception as error:  # whatever the cause, it affects only this e-mail
                    await _failed_unexpectedly(stores, mail, error)
                    await client.rset()
                left.pop(0)
    except (SMTPException, OSError) as error:  # of the server or of Postgres; a TimeoutError is an OSError
        for mail, _ in left:
            await _failed(stores, mail, error, refused=False)
    return accepted


async def _send_one(stores: Stores, mailer: Mailer, client: SMTP, mail: Mail, content: EmailContent) -> bool:
    """Send one e-mail and record the result; False if it was refused. Raises errors that end the
    connection."""
    try:
        files = await asyncio.to_thread(wallet_passes.files_of, mailer.wallet, mail)
        message = email_message.message(mail, content, mailer.sender, files)
    except ValueError as error:
        await _ended(stores, mail, f"not an address: {error}")
        return True
    try:
        about: Attributes = {"server.address": client.hostname or "", "fairgate.mail.kind": mail.kind}
        with below(stores.tracer, mail.traceparent, "send mail", {"network.protocol.name": "smtp", **about}):
            handed_over = await _hand_over(stores, mailer, client, mail, message)
        if not handed_over:
            return True
    except SMTPRecipientRefused as error:
        await client.rset()
        return await _refused(stores, mail, error)
    except SMTPDataError as error:
        return await _refused(stores, mail, error)
    except DeliveryUnclear as error:
        await mails.settle(stores.postgres, mail, "unclear", mails.BROKE_OFF)
        metrics.MAILS.labels("unclear").inc()
        logs.get(__name__).warning(
            "an e-mail may or may not have arrived", mail_id=mail.mail_id, why=str(error)
        )
        return False
    await mails.settle(stores.postgres, mail, "sent")
    metrics.MAILS.labels("sent").inc()
    return True


async def _hand_over(stores: Stores, mailer: Mailer, client: SMTP, mail: Mail, message: EmailMessage) -> bool:
    """Hand it to the server. False: another worker has it by now. Raises DeliveryUnclear and aiosmtplib's
    errors."""
    recipient = address(mail.recipient).addr_spec
    ascii_only = recipient.isascii()
    async with asyncio.timeout(MAIL_TIMEOUT_S):
        options, encoding = ([], "ascii") if ascii_only else (["SMTPUTF8"], "utf-8")
        await client.mail(parseaddr(mailer.sender)[1], options=options, encoding=encoding)
        await client.rcpt(recipient, encoding=encoding)
        if not await mails.hand_over(stores.postgres, mail):
            await client.rset()
            return False
    try:
        async with asyncio.timeout(MAIL_TIMEOUT_S):
            await client.data(message.as_bytes())
    except SMTPDataError:
        raise
    except (SMTPException, OSError) as error:
        raise DeliveryUnclear(repr(error)) from None
    return True


@asynccontextmanager
async def connected(server: str) -> AsyncIterator[SMTP]:
    """A connection to the server of a URL. Passwords are only sent over TLS, except to this host itself."""
    url = urlsplit(server)
    tls = url.scheme == "smtps"
    client = SMTP(
        hostname=url.hostname,
        port=url.port or (465 if tls else 587),
        username=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
        use_tls=tls,
        start_tls=None if tls or not url.password or _is_loopback(url.hostname or "") else True,
        timeout=MAIL_TIMEOUT_S,
    )
    async with asyncio.timeout(MAIL_TIMEOUT_S):
        await client.connect()
    try:
        yield client
    finally:
        with suppress(SMTPException, OSError):
            await client.quit(timeout=1)
        client.close()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _refused(stores: Stores, mail: Mail, error: SMTPResponseException) -> bool:
    """Record a refusal, permanent or temporary. Returns whether the e-mail was given up."""
    if 500 <= error.code < 600:
        await _ended(stores, mail, f"{error.code} {error.message}")
        return True
    await _failed(stores, mail, error, refused=True)
    return False


async def _ended(stores: Stores, mail: Mail, why: str) -> None:
    await mails.settle(stores.postgres, mail, "given_up", _without(mail.recipient, why))
    metrics.MAILS.labels("given_up").inc()
    logs.get(__name__).warning("an e-mail was given up", mail_id=mail.mail_id, kind=mail.kind)


async def _failed(stores: Stores, mail: Mail, error: Exception, *, refused: bool) -> None:
    again_s = retry_after_s(mail.attempts, random.random())
    why = _without(mail.recipient, describe_error(error))
    given_up = await mails.record_failure(stores.postgres, mail, again_s, why, refused=refused)
    metrics.MAILS.labels("given_up" if given_up else "failed").inc()
    if given_up:
        logs.get(__name__).warning("an e-mail was given up", mail_id=mail.mail_id, kind=mail.kind)


async def _failed_unexpectedly(stores: Stores, mail: Mail, error: Exception) -> None:
    """An unexpected error: retry a few times, then set it aside for staff."""
    logs.get(__name__).error("an e-mail could not be written or sent", mail_id=mail.mail_id, exc_info=error)
    if mail.attempts < failures.TRIES_MAX:
        await _failed(stores, mail, error, refused=False)
        return
    why = _without(mail.recipient, f"{type(error).__name__}: {error}")
    if await mails.give_up(stores.postgres, mail, why):
        await failures.set_aside(stores, "mail", mail.mail_id, why, content=mail.kind, room_id=mail.room_id)
        metrics.MAILS.labels("given_up").inc()


def _without(recipient: str, why: str) -> str:
    """A server's reply, shortened and without the address it repeats."""
    with suppress(ValueError):
        why = why.replace(address(recipient).addr_spec, "the recipient")
    return why.replace(recipient, "the recipient")[:WHY_MAX]


async def _close_unclear(stores: Stores) -> None:
    if count := await mails.close_unclear(stores.postgres):
        metrics.MAILS.labels("unclear").inc(count)
        logs.get(__name__).warning("e-mails may or may not have arrived; see /admin/mail", count=count)


async def page(
    stores: Stores, state: MailState | None = None, word: str | None = None, *, limit: int, offset: int
) -> tuple[list[MailRow], int]:
    """One page of the e-mails, newest first, and how many match; filtered by state and by a word."""
    with stores_answer():
        return await mails.select(stores.postgres, state, word, limit=limit, offset=offset)


async def get(stores: Stores, mail_id: str) -> MailRow:
    """The e-mail. Raises NotFound."""
    with stores_answer():
        row = await mails.select_one(stores.postgres, mail_id)
    if row is None:
        raise NotFound(NO_MAIL)
    return row


async def send_again(stores: Stores, mail_id: str, *, by: Author) -> None:
    """Resend an e-mail that failed, was only stored or may not have arrived; in the last case it may arrive
    twice.

    Raises NotFound, Conflict.
    """
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            before = await mails.requeue(connection, mail_id)
            if before is None:
                await get(stores, mail_id)
                raise Conflict("Only e-mails that failed, were only stored or are unclear can be sent again.")
            entity = Entity("mail", mail_id)
            await audit.record(
                connection, by, "send again", entity, before={"state": before}, after={"state": "waiting"}
            )


async def _queue(connection: Connection, batch: OutboxBatch) -> None:
    await mail_queue.queue_of_notices(connection, batch.numbers)
    if any(it.type in ("alert.started", "alert.ended") for it in batch.notices):
        await mail_queue.queue_of_alerts(connection, batch.numbers)


def _opened(settings: Settings) -> Send:
    return partial(send_due, mailer=open_mailer(settings))


CHANNEL = Channel("mails", _queue, _opened, LANES)
