"""`fairgate admin create`, as used right after installing Fairgate."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from app.settings import Settings
from app.store.connections import Stores
from tests.conftest import Servers
from tests.platform.outside import FAIRGATE, Ended, environment, fairgate
from tests.routes.conftest import Web, bearer, code, served, settings
from tests.support.waiting import PATIENCE_S

__all__ = ["settings"]

PASSWORD = "correct horse"
Create = Callable[..., Awaitable[Ended]]


@pytest.fixture
async def web(stores: Stores, settings: Settings) -> AsyncIterator[Web]:
    """The app on the same stores."""
    async with served(settings) as found:
        yield found


@pytest.fixture
def addresses(servers: Servers, database_url: str, tmp_path: Path) -> dict[str, str]:
    """The addresses of the stores, as an operator sets them."""
    return {
        "REDIS_URL": servers.redis_url,
        "DATABASE_URL": database_url,
        "FAIRGATE_DATA": str(tmp_path),
    }


@pytest.fixture
def create(stores: Stores, addresses: dict[str, str]) -> Create:
    """The command, with the password from a pipe."""

    async def run(*arguments: str, typed: str = f"{PASSWORD}\n", exit_code: int = 0) -> Ended:
        ended = await fairgate("admin", "create", *arguments, typed=typed, **addresses)
        assert "Traceback" not in ended.err
        assert ended.code == exit_code, ended.err
        assert len(ended.err.splitlines()) == (exit_code != 0)
        assert PASSWORD not in ended.out + ended.err
        return ended

    return run


async def logged_in(web: Web, email: str, password: str = PASSWORD) -> dict[str, str]:
    """The header of somebody who has logged in."""
    answer = await web.post("/v1/login", {"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    return bearer(answer.json()["access_token"])


async def test_the_first_admin_logs_in_and_does_what_admins_do(create: Create, web: Web) -> None:
    made = await create("--email", "Boss@Example.org", "--name", "The Boss")
    assert made.out == "created an account for boss@example.org with the role admin\n"
    boss = await logged_in(web, "boss@example.org")
    event = {"event_id": "opera", "name": "Opera", "starts_at": "2030-01-01T20:00:00Z"}
    assert (await web.post("/v1/events", event, headers=boss)).status_code == 201
    newest, *_, oldest = (await web.get("/v1/audit", headers=boss)).json()["items"]
    assert (newest["name"], newest["kind"], newest["id"]) == ("The Boss", "event", "opera")
    assert (oldest["who"], oldest["role"], oldest["kind"]) == ("cli", "cli", "account")
    assert oldest["after"] == {"email": "boss@example.org", "name": "The Boss", "role": "admin"}


async def test_a_forgotten_password_is_replaced(create: Create, web: Web, addresses: dict[str, str]) -> None:
    await create("--email", "boss@example.org", "--name", "The Boss")
    before = await logged_in(web, "boss@example.org")
    email = ("admin", "password", "--email", "Boss@example.org")
    changed = await fairgate(*email, typed="battery staple\n", **addresses)
    assert (changed.code, changed.err) == (0, "")
    assert changed.out == "boss@example.org has the new password, and is signed out everywhere\n"
    assert code(await web.get("/v1/keys", headers=before)) == (401, "credential_invalid")
    newest = (
        await web.get("/v1/audit", headers=await logged_in(web, "boss@example.org", "battery staple"))
    ).json()
    assert (newest["items"][0]["action"], newest["items"][0]["who"]) == ("set password", "cli")
    none = await fairgate(
        "admin", "password", "--email", "no@example.org", typed="battery staple\n", **addresses
    )
    assert (none.code, "No account has this e-mail" in none.err) == (1, True)
    weak = await fairgate(*email, typed="1234567890\n", **addresses)
    assert (weak.code, len(weak.err.splitlines())) == (2, 1)


async def test_an_operator_may_less(create: Create, web: Web) -> None:
    await create("--email", "op@example.org", "--name", "Op", "--role", "operator")
    operator = await logged_in(web, "op@example.org")
    assert (await web.get("/v1/stats", headers=operator)).status_code == 200
    assert code(await web.send("DELETE", "/v1/events/x", headers=operator)) == (403, "role_required")


async def test_whoever_registered_the_email_before_does_not_become_staff_with_it(
    create: Create, web: Web
) -> None:
    squatter = {"email": "boss@example.org", "name": "Mallory", "password": "mallory's own"}
    await web.post("/v1/users", squatter)
    ended = await create("--email", "boss@example.org", "--name", "The Boss")
    assert ended.out == "boss@example.org was user and is now admin, with the new password\n"
    refused = await web.post("/v1/login", {"email": "boss@example.org", "password": "mallory's own"})
    assert code(refused) == (401, "credential_invalid")
    boss = await logged_in(web, "boss@example.org")
    assert (await web.get("/v1/users/me", headers=boss)).json()["name"] == "The Boss"
    row = (await web.get("/v1/audit?kind=account", headers=boss)).json()["items"][0]
    assert row["before"] == {"name": "Mallory", "role": "user", "password": "as it was"}
    assert row["after"] == {"name": "The Boss", "role": "admin", "password": "replaced"}


async def test_a_password_that_is_too_short_makes_nothing(create: Create, stores: Stores) -> None:
    for typed in ("", "seven77\n"):
        ended = await create("--email", "boss@example.org", "--name", "B", typed=typed, exit_code=2)
        assert "10 to 200 characters" in ended.err
        assert ended.out == ""
    assert await stores.postgres.fetchval("SELECT count(*) FROM accounts") == 0


async def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(
    stores: Stores, addresses: dict[str, str], web: Web
) -> None:
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)

    def own_terminal() -> None:
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    process = await asyncio.create_subprocess_exec(
        *(FAIRGATE, "admin", "create", "--email", "boss@example.org", "--name", "The Boss"),
        env=environment(**addresses),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=own_terminal,
    )
    os.close(theirs)
    shown = await _answered(ours, ["Password: ", "Repeat for confirmation: "])
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0, shown
    os.close(ours)
    assert PASSWORD not in shown
    assert re.search(r"created an account for boss@example\.org with the role admin", shown)
    await logged_in(web, "boss@example.org")


async def _answered(terminal: int, questions: list[str]) -> str:
    """Everything the terminal shows, to the end; each prompt is answered with the password."""
    shown, open_questions = "", list(questions)
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(terminal, arrived.set)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await arrived.wait()
                arrived.clear()
                try:
                    chunk = os.read(terminal, 4096)
                except BlockingIOError:
                    continue
                except OSError:  # nobody has it open any more
                    return shown
                if not chunk:
                    return shown
                shown += chunk.decode()
                if open_questions and shown.endswith(open_questions[0]):
                    open_questions.pop(0)
                    os.write(terminal, f"{PASSWORD}\n".encode())
    finally:
        loop.remove_reader(terminal)
