"""Passwords: equal work for everybody, off the event loop, and with a limit on how much at once."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from argon2 import PasswordHasher

from app.accounts import passwords
from app.accounts.passwords import AT_ONCE, Passwords
from app.core.errors import BacklogFull


class Watched(PasswordHasher):
    """The real hasher with small parameters; counts the work, and can be held up."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.go = threading.Event()
        self.go.set()
        self.works = self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def hash(self, *arguments: Any, **options: Any) -> str:
        with self._working():
            return super().hash(*arguments, **options)

    def verify(self, *arguments: Any, **options: Any) -> Any:
        with self._working():
            return super().verify(*arguments, **options)

    def _working(self) -> Any:
        return _Working(self)


class _Working:
    def __init__(self, watched: Watched) -> None:
        self.watched = watched

    def __enter__(self) -> None:
        it = self.watched
        with it._lock:
            it.works += 1
            it.at_once += 1
            it.most_at_once = max(it.most_at_once, it.at_once)
        it.go.wait(10)

    def __exit__(self, *_: object) -> None:
        with self.watched._lock:
            self.watched.at_once -= 1


async def test_a_password_is_known_again_and_no_other() -> None:
    checked = Passwords(Watched())
    stored = await checked.hash("naïve password")
    assert stored != await checked.hash("naïve password")  # each has its own salt
    assert await checked.verify(stored, "naïve password")
    assert await checked.verify(stored, "nai\u0308ve password")  # the same letters, typed on another keyboard
    assert not await checked.verify(stored, "Naïve password")


async def test_an_account_that_is_not_there_costs_the_same_work() -> None:
    watched = Watched()
    checked = Passwords(watched)
    stored_hash = await checked.hash("correct horse")
    watched.works = 0
    assert not await checked.verify(stored_hash, "wrong horse")
    assert watched.works == 1
    assert not await checked.verify(None, "wrong horse")
    assert watched.works == 2


async def test_the_event_loop_goes_on_and_only_so_many_work_at_once() -> None:
    watched = Watched()
    checked = Passwords(watched)
    watched.go.clear()
    tasks = [asyncio.create_task(checked.hash(f"password {n}")) for n in range(6)]
    await asyncio.sleep(0)  # the loop keeps running while they are held up
    watched.go.set()
    assert len({await it for it in tasks}) == 6
    assert 1 <= watched.most_at_once <= AT_ONCE


async def test_who_would_wait_too_long_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING_MAX", 1)
    watched = Watched()
    checked = Passwords(watched)
    watched.go.clear()
    tasks = [asyncio.create_task(checked.hash(f"password {n}")) for n in range(AT_ONCE + 2)]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert [type(it.exception()) for it in done] == [BacklogFull]
    watched.go.set()
    others = await asyncio.gather(*set(tasks) - done)
    assert len(others) == AT_ONCE + 1


async def test_who_has_waited_long_enough_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAIT_S", 0.02)
    watched = Watched()
    checked = Passwords(watched)
    watched.go.clear()
    held_up = [asyncio.create_task(checked.hash("password")) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(BacklogFull):
        await checked.hash("password")
    watched.go.set()
    await asyncio.gather(*held_up)
