"""Two releases share the stores during an upgrade: what the newer one adds is ignored."""

from __future__ import annotations

import pytest

from app.store.redis import submissions
from app.store.redis.submissions import Message

READ = Message("1-0", "r1", "v1", "f1", "web1", "standing:2:4900")


@pytest.mark.parametrize(
    "fields",
    [
        {"s": "r1|v1|f1|web1|standing:2:4900"},
        {"s": "r1|v1|f1|web1|standing:2:4900|later|and more"},
        {"s": "r1|v1|f1|web1|standing:2:4900", "trace": "00-1|2|3-4-01"},
        {"s": "r1|v1|f1|web1|standing:2:4900", "d": "later|gala|nobody knows"},
    ],
    ids=["as it is", "more parts", "more fields", "a decision of another form"],
)
def test_a_submission_with_more_in_it_is_read_like_any_other(fields: dict[str, str]) -> None:
    assert submissions._message("1-0", fields) == READ


def test_a_submission_is_read_with_what_it_was_granted() -> None:
    terms = "9800|EUR|1000|301000|standing:2:4900"
    fields = {"s": "r1|v1|f1|web1|standing:2", "d": f"7|gala|{terms}"}
    assert submissions._message("1-0", fields)[7:] == (7, "gala", terms, 1)
