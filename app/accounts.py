"""Accounts: for now, access tokens for staff and for people who have one from elsewhere."""

from __future__ import annotations

import time
from datetime import datetime

import asyncpg

from app import signing
from app.core.clock import from_ms
from app.core.model import Account, Role


async def issue_access_token(postgres: asyncpg.Pool, subject: str, role: Role) -> tuple[str, datetime]:
    """An access token for `subject` with `role`, and when it ends."""
    keyring = await signing.open_keyring(postgres)
    token, exp = keyring.signer.sign_access(Account(subject=subject, role=role), int(time.time()))
    ends_at = from_ms(exp * 1000)
    assert ends_at is not None
    return token, ends_at
