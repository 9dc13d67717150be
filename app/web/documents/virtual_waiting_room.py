"""The documents of AWS's Virtual Waiting Room, with its names."""

from __future__ import annotations

from typing import Literal

import msgspec


class Assigned(msgspec.Struct, frozen=True):
    """The id of the place from now on; anybody who has it can act for the visitor."""

    api_request_id: str


class NotYet(msgspec.Struct, frozen=True):
    """Not now; ask again later."""

    error: str


class QueueNumber(msgspec.Struct, frozen=True):
    """A place; `entry_time` in seconds."""

    queue_number: int
    entry_time: int
    event_id: str
    status: Literal[1] = 1


class ServingCounter(msgspec.Struct, frozen=True):
    """The last queue number called."""

    serving_counter: int


class WaitingNumber(msgspec.Struct, frozen=True):
    """How many visitors have no token yet."""

    waiting_num: int


class TokenSet(msgspec.Struct, frozen=True):
    """The session as JWTs that differ only in `token_use`."""

    access_token: str
    refresh_token: str
    id_token: str
    expires_in: int
    token_type: Literal["Bearer"] = "Bearer"


class ServingNumber(msgspec.Struct, frozen=True):
    """The serving counter after the increment."""

    serving_num: int


class Done(msgspec.Struct, frozen=True):
    """A confirmation, in words."""

    message: str
