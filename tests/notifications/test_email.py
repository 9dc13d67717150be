"""What an SMTP server or Postgres says at each step of an e-mail, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from pydantic import SecretStr

from app.core.account import COMMAND_LINE
from app.core.errors import Conflict, NotFound
from app.notifications.channels import email
from app.notifications.channels.email import Mailer, open_mailer, send_due
from app.set_aside import failures
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.notifications import mails as stored
from tests.support.mails import make_due, queue_mails, states
from tests.support.sales import a_sale

ANN, BOB, POISON = "ann@example.org", "bob@example.org", "poison@example.org"


@dataclass
class Server:
    """An SMTP server in this event loop: the mail it accepted, and its replies to others by recipient."""

    port: int = 0
    accepted: list[str] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    before_rcpt: Callable[[], Awaitable[Any]] | None = None  # once

    def mailer(self, host: str = "127.0.0.1", login: str = "") -> Mailer:
        """A mailer that sends to it."""
        url = SecretStr(f"smtp://{login}{host}:{self.port}")
        return open_mailer(Settings(smtp_url=url, mail_from="t@example.org", secret=SecretStr("s" * 32)))

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, to: str, _options: Any) -> str:
        before, self.before_rcpt = self.before_rcpt, None
        if before is not None:
            await before()
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        (to,) = envelope.rcpt_tos
        if to in self.replies:
            return self.replies[to]
        self.accepted.append(to)
        return "250 taken"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _how: str, given: Any) -> AuthResult:
        """Accept everybody."""
        self.logins.append((given.login, given.password))
        return AuthResult(success=True)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()

    def session() -> SMTP:
        return SMTP(found, enable_SMTPUTF8=True, authenticator=found.authenticate, auth_require_tls=False)

    listening = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    found.port = listening.sockets[0].getsockname()[1]
    yield found
    listening.close()


@asynccontextmanager
async def failing(stores: Stores, when: str, sqlstate: str = "P0001") -> AsyncIterator[None]:
    """Postgres raises an error for changes of mails `when` this is so."""
    await stores.postgres.execute(
        "CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION 'nobody foresaw this' USING ERRCODE = '{sqlstate}'; END $$; "
        f"CREATE TRIGGER poison BEFORE UPDATE ON mails FOR EACH ROW WHEN ({when}) "
        "EXECUTE FUNCTION refuse_poison()"
    )
    try:
        yield
    finally:
        await stores.postgres.execute("DROP TRIGGER poison ON mails; DROP FUNCTION refuse_poison()")


async def test_a_refusal_after_the_content_is_final_or_not_by_its_code(
    stores: Stores, server: Server
) -> None:
    await a_sale(stores)
    full, spam = "full@example.org", "spam@example.org"
    server.replies = {full: "452 mailbox full", spam: "554 looks like spam"}
    await queue_mails(stores, full, spam, ANN)
    assert await send_due(stores, server.mailer())
    became = await states(stores)
    assert (became[full][0], "452" in became[full][1]) == ("waiting", True)
    assert became[spam] == ("given_up", "554 looks like spam")
    assert became[ANN] == ("sent", "")  # over the same connection
    server.replies = {}
    await make_due(stores)
    assert await send_due(stores, server.mailer())
    assert server.accepted == [ANN, full]


async def test_a_worker_that_was_too_slow_does_not_send_what_another_has_sent(
    stores: Stores, server: Server
) -> None:
    await a_sale(stores)
    await queue_mails(stores, ANN)
    results: list[bool | None] = []

    async def another_worker() -> None:
        await make_due(stores)  # the lease of the first has ended
        results.append(await send_due(stores, server.mailer()))

    server.before_rcpt = another_worker
    results.append(await send_due(stores, server.mailer()))
    assert results == [True, True]
    assert server.accepted == [ANN]
    assert await states(stores) == {ANN: ("sent", "")}
    assert await stores.postgres.fetchval("SELECT attempts FROM mails") == 2


async def test_an_error_nobody_foresaw_is_that_of_one_mail_and_set_aside_in_the_end(
    stores: Stores, server: Server
) -> None:
    await a_sale(stores)
    await queue_mails(stores, POISON, ANN)
    poisoned = f"NEW.state = 'handing_over' AND NEW.recipient = '{POISON}'"
    async with failing(stores, poisoned):
        for _ in range(failures.TRIES_MAX):
            assert await failures.count(stores) == {}
            await send_due(stores, server.mailer())
            await make_due(stores)
        assert await send_due(stores, server.mailer()) is None
    assert await states(stores) == {
        ANN: ("sent", ""),
        POISON: ("given_up", "RaiseError: nobody foresaw this"),
    }
    assert server.accepted == [ANN]
    assert await failures.count(stores) == {"mail": 1}


async def test_what_arrived_but_could_not_be_recorded_is_neither_repeated_nor_set_aside(
    stores: Stores, server: Server
) -> None:
    await a_sale(stores)
    await queue_mails(stores, POISON, ANN)
    await stores.postgres.execute("UPDATE mails SET attempts = $1", failures.TRIES_MAX - 1)
    async with failing(stores, f"NEW.state = 'sent' AND NEW.recipient = '{POISON}'"):
        await send_due(stores, server.mailer())
        assert (await states(stores))[POISON] == ("handing_over", "")
        await make_due(stores)
        assert await send_due(stores, server.mailer()) is None
    assert await states(stores) == {ANN: ("sent", ""), POISON: ("unclear", stored.BROKE_OFF)}
    assert sorted(server.accepted) == [ANN, POISON]
    assert await failures.count(stores) == {}


async def test_while_postgres_is_away_no_mail_is_to_blame(stores: Stores, server: Server) -> None:
    await a_sale(stores)
    await queue_mails(stores, ANN)
    async with failing(stores, "NEW.subject <> OLD.subject", sqlstate="53100"):
        for _ in range(failures.TRIES_MAX + 1):
            with pytest.raises(asyncpg.DiskFullError):
                await send_due(stores, server.mailer())
            await make_due(stores)
    assert await states(stores) == {ANN: ("waiting", "")}
    assert await send_due(stores, server.mailer())
    assert server.accepted == [ANN]
    assert await failures.count(stores) == {}


@pytest.mark.parametrize(("host", "is_sent"), [("127.0.0.1", True), ("localhost", True), ("127.1", False)])
async def test_a_password_goes_unencrypted_to_this_host_alone(
    stores: Stores, server: Server, host: str, is_sent: bool
) -> None:
    """Where TLS is missing. What does not say that it is this host might be another one."""
    await a_sale(stores)
    await queue_mails(stores, ANN)
    assert await send_due(stores, server.mailer(host, "fair:gate%40@")) is is_sent
    assert server.logins == ([(b"fair", b"gate@")] if is_sent else [])
    state, why = (await states(stores))[ANN]
    assert (state, "STARTTLS" in why) == (("sent", False) if is_sent else ("waiting", True))


async def test_only_what_may_not_have_arrived_is_sent_again(stores: Stores, server: Server) -> None:
    await a_sale(stores)
    await queue_mails(stores, ANN, BOB)
    server.replies = {BOB: "554 no"}
    await send_due(stores, server.mailer())
    (ann, bob) = [
        await stores.postgres.fetchval("SELECT mail_id FROM mails WHERE recipient = $1", it)
        for it in (ANN, BOB)
    ]
    server.replies = {}
    await email.send_again(stores, bob, by=COMMAND_LINE)
    for mail_id, refusal in ((ann, Conflict), (bob, Conflict), ("none", NotFound)):
        with pytest.raises(refusal):
            await email.send_again(stores, mail_id, by=COMMAND_LINE)
    assert await send_due(stores, server.mailer())
    assert server.accepted == [ANN, BOB]
    assert await stores.postgres.fetchval("SELECT count(*) FROM audit WHERE action = 'send again'") == 1
