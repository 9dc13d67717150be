"""What a newer release may add is passed over: two of them work on the same stores during an upgrade."""

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
    ],
    ids=["as it is", "more parts", "more fields"],
)
def test_a_submission_with_more_in_it_is_read_like_any_other(fields: dict[str, str]) -> None:
    assert submissions._message("1-0", fields) == READ
