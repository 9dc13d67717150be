"""Refusals of the waiting room."""

from __future__ import annotations

from app.core.errors.base import Refusal, Retryable
from app.core.errors.request import Conflict, NotFound


class SessionEnded(Refusal):
    """The session behind this booking token has ended."""

    status, code = 403, "session_ended"


class RemovedByStaff(Refusal):
    """This visitor was removed from the room by staff."""

    status, code = 403, "removed"


class MembersOnly(Refusal):
    """Only members may join this room now, with a proof from the organiser's login or a personal link."""

    status, code = 403, "members_only"


class ProofRefused(Refusal):
    """The proof is not valid for joining this room."""

    status, code = 403, "proof_refused"


class ProofOfWorkNeeded(Refusal):
    """Joining this room requires a proof of work: solve the `challenge` and send the solution."""

    status, code = 403, "proof_of_work_needed"


class CaptchaNeeded(Refusal):
    """Joining this room requires a captcha: show the widget of `captcha` and send its response."""

    status, code = 403, "captcha_needed"


class IdentityNeeded(Refusal):
    """Joining this room requires an identity: `needed` says which kind."""

    status, code = 403, "identity_needed"


class RequestIdInvalid(Refusal):
    """The event id is not this room's, or the request id was not issued here."""

    status, code = 400, "request_id_invalid"


class RoomNotFound(NotFound):
    """There is no such room."""

    code = "room_not_found"


class PlaceNotFound(NotFound):
    """You have no place in this room."""

    code = "place_not_found"


class LogNotBegun(NotFound):
    """The room's public log is still empty: nothing has happened in the room yet."""

    code = "log_not_begun"


class RoomClosed(Conflict):
    """The room is closed."""

    code = "room_closed"


class RoomSoldOut(Conflict):
    """This sale is sold out."""

    code = "room_sold_out"


class RoomNotOpen(Conflict):
    """The room has not opened yet."""

    code = "room_not_open"


class MemberElsewhere(Conflict):
    """This member's place is in another browser, from which it cannot be moved."""

    code = "member_elsewhere"


class NotWaiting(Conflict):
    """The number of wanted tickets can be changed only while waiting."""


class QueueingMethodLocked(Conflict):
    """The queueing method is fixed once the pre-queue has begun."""

    code = "queueing_method_locked"


class Over(Refusal):
    """Your turn or your hold is over."""

    status, code = 410, "done"


class NoShow(Over):
    """You were called and did not claim in time; join again for a new place."""

    code = "no_show"


class SessionExpired(Over):
    """Your session expired; join again for a new place."""

    code = "session_expired"


class LeftQueue(Over):
    """You left the queue; join again for a new place."""

    code = "left"


class SessionDone(Over):
    """Your session is done; join again for a new place."""

    code = "done"


class RemovedFromQueue(Over):
    """You were removed from this room by staff."""

    code = "removed"


class Restoring(Retryable):
    """The queue and the stock are being restored; nothing is lost."""

    status, code = 503, "restoring"
