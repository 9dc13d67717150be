"""The terms of a hold survive a round trip, whatever they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from app.core.model import EventId, Item, Reservation, ReservationId, RoomId, TicketTypeId, VisitorId
from app.core.reservations.outcomes import held_outcome, terms_granted
from app.core.reservations.terms import (
    HoldTerms,
    entry_text,
    items_of,
    items_text,
    read_entry,
    read_terms,
    seats_of,
    terms_of,
    terms_text,
)

names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,12}", fullmatch=True)
numbers = st.integers(0, 10**13)
items = st.builds(
    Item,
    ticket_type_id=names.map(TicketTypeId),
    quantity=st.integers(1, 100),
    price=numbers,
    seat_ids=st.just(UNSET) | st.lists(names, min_size=1, max_size=4),
)
lines = st.lists(items, min_size=1, max_size=5)
terms = st.builds(
    HoldTerms,
    amount=numbers,
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    created_at_ms=numbers,
    expires_at_ms=numbers,
    items=lines.map(items_text),
)


@given(lines)
def test_items_read_back(given_lines: list[Item]) -> None:
    assert list(items_of(items_text(given_lines))) == given_lines


@given(terms, names, st.sampled_from(["held", "sold"]))
def test_terms_read_back_wherever_they_are_found(it: HoldTerms, visitor_id: str, state: str) -> None:
    text = terms_text(it)
    assert read_terms(text) == it
    assert terms_granted(held_outcome(text)) == text
    assert read_entry(entry_text(state, visitor_id, text)) == (state, visitor_id, it)
    assert seats_of(text) == [seat for item in items_of(it.items) for seat in item.seat_ids or ()]


@given(st.sampled_from(["sold_out", "pending", "failed", "reused"]), names)
def test_a_refusal_has_no_terms(word: str, visitor_id: str) -> None:
    assert terms_granted(f"{word}|{visitor_id}") is None


@given(terms, lines, st.integers(0, 1000))
def test_the_terms_of_a_reservation_are_those_it_was_made_with(
    it: HoldTerms, given_lines: list[Item], extended_s: int
) -> None:
    reservation = Reservation(
        reservation_id=ReservationId("r"),
        event_id=EventId("e"),
        room_id=RoomId("r"),
        visitor_id=VisitorId("v"),
        status="held",
        items=given_lines,
        amount=it.amount,
        currency=it.currency,
        created_at_ms=it.created_at_ms,
        expires_at_ms=it.expires_at_ms + 1000 * extended_s,
        confirmed_at_ms=0,
        tickets=[],
        extended_s=extended_s,
    )
    assert read_terms(terms_of(reservation)) == it._replace(items=items_text(given_lines))


def test_the_string_is_the_one_the_scripts_write() -> None:
    text = terms_text(HoldTerms(13000, "EUR", 1, 2, "floor:2:5000,stalls:1:3000@stalls-a-1"))
    assert text == "13000|EUR|1|2|floor:2:5000,stalls:1:3000@stalls-a-1"
    assert entry_text("sold", "ann", text) == "sold|ann|" + text
