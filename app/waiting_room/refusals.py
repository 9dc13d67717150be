"""Maps the words with which scripts refuse visitors to errors."""

from __future__ import annotations

from app.core import errors
from app.core.errors import Refusal

JOIN_REFUSALS: dict[str, type[Refusal]] = {
    "not_open": errors.RoomNotOpen,
    "closed": errors.RoomClosed,
    "sold_out": errors.RoomSoldOut,
    "removed": errors.RemovedByStaff,
    "restoring": errors.Restoring,
    "too_many": errors.LimitExceeded,
    "members_only": errors.MembersOnly,
}
ASK_REFUSALS: dict[str, type[Refusal]] = {"absent": errors.PlaceNotFound, "restoring": errors.Restoring}
CLAIM_REFUSALS: dict[str, type[Refusal]] = ASK_REFUSALS | {
    "away": errors.StoreUnavailable,
    "done": errors.SessionDone,
    "expired": errors.SessionExpired,
    "no_show": errors.NoShow,
    "left": errors.LeftQueue,
    "removed": errors.RemovedFromQueue,
}
WANT_REFUSALS: dict[str, type[Refusal]] = CLAIM_REFUSALS | {
    "too_many": errors.LimitExceeded,
    "called": errors.NotWaiting,
    "active": errors.NotWaiting,
}
