"""The document of a new reservation is assembled from parts; it must equal that of any other reservation."""

from __future__ import annotations

import msgspec
import pytest

from app.core.model import EventId, ReservationId, RoomId, VisitorId
from app.core.reservations.terms import NO_POLICY, Policy, read_terms
from app.reservations.reserve_result import ReserveResult
from app.web.documents.reserved import reserved_document
from app.web.documents.sale import reservation_document


@pytest.mark.parametrize(
    ("terms", "policy"),
    [
        ("9000|EUR|1796000000000|1796000300000|floor:2:4500", NO_POLICY),
        (
            "9550|EUR|1796000000001|1796000300001|floor:1:4500,balcony:1:4500",
            Policy(60, {"floor": 700, "": 1900}),
        ),
        ("8000|USD|1|2|floor:2:4500!HALF!1000", NO_POLICY),
        ("4500|EUR|1796000000000|1796000300000|hall:1:4500@hall-A-1", NO_POLICY),
    ],
)
def test_put_together_it_is_the_same(terms: str, policy: Policy) -> None:
    for name in ("one", "other"):
        of = (
            ReservationId(f"reservation-of-{name}"),
            EventId("gala"),
            RoomId("hall"),
            VisitorId(f"visitor-{name}"),
        )
        taken = ReserveResult(*of, replayed=False, terms=read_terms(terms), policy=policy)
        assert taken.terms is not None
        assert taken.reservation is not None
        assert reserved_document(taken, taken.terms) == msgspec.json.encode(
            reservation_document(taken.reservation)
        )
