"""A submitted request, and what its caller waits for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from app.core.errors import Refusal
from app.core.model import RoomId
from app.store.coalescer import LATER, Later
from app.store.scripts.stock import Submission, SubmitReply

CHECK_EVERY_S = 1.0  # for an outcome that should arrive by itself
CHECK_OTHERS_EVERY_S = 0.1  # for one that is sent to another process

Answer = (
    str | Refusal | SubmitReply
)  # the outcome as in `settle.lua`, why there is none, or the script's reply


@dataclass(slots=True, eq=False)
class Waiter:
    """A submitted request.

    Its caller is woken once: by the outcome, if a worker is to make it durable and the caller waits for that,
    otherwise by the script's reply.
    """

    room_id: RoomId
    submission: Submission
    deadline: float
    next_check_at: float
    check_every_s: float = CHECK_EVERY_S
    answer: asyncio.Future[Answer] = field(init=False)
    word: str = ""  # of the script's reply, once received
    early: str | Refusal | None = None  # an outcome that arrived before the reply

    def replied(self, reply: SubmitReply) -> Answer | Later:
        """Take the script's reply, and return the answer unless the outcome has to be waited for (LATER)."""
        self.word = reply.word
        if not self.submission.instance or reply.word not in ("queued", "pending"):
            return reply
        if reply.word == "pending":  # a repeat: another process may be notified of its outcome
            self.check_every_s, self.next_check_at = CHECK_OTHERS_EVERY_S, 0.0
        return LATER if self.early is None else self.early

    def decided(self, outcome: str | Refusal) -> None:
        """Take the outcome. It is kept until the reply says whether this request was a repeat."""
        if not self.word:
            self.early = outcome
        elif not self.answer.done():  # else the caller has gone
            self.answer.set_result(outcome)
