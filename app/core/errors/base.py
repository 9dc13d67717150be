"""The roots of the tree: errors that end a command, and errors that refuse a request."""

from __future__ import annotations

from typing import Any, ClassVar


class CannotRun(Exception):
    """A command or process cannot continue; the message is the one line shown to its operator."""


class WrongUsage(CannotRun):
    """Wrong usage: an impossible setting or address."""


class Refusal(Exception):
    """The request was refused."""

    status: ClassVar[int]
    code: ClassVar[str]
    replayed = False  # set on an instance: a replay of an earlier response (Idempotent-Replay)

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail or self.title())
        self.detail = detail or self.title()
        self.members = members  # extra problem members, e.g. errors=[...]; JSON-encodable

    @classmethod
    def title(cls) -> str:
        """The one-line meaning of the code."""
        return (cls.__doc__ or cls.code).strip().splitlines()[0]


class Retryable(Refusal):
    """Try again later; carries `Retry-After`."""

    def __init__(self, detail: str = "", retry_after_s: int = 1, **members: Any) -> None:
        super().__init__(detail, **members)
        self.retry_after_s = retry_after_s
