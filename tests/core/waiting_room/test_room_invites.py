"""Lists of e-mail addresses as people keep them, and what is wrong with a line."""

from __future__ import annotations

import pytest

from app.core.errors import ValidationFailed
from app.core.waiting_room.room_invites import INVITES_MAX, read_addresses


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.org\nbob@example.org\n",
        "\ufeffann@example.org\r\n\r\n Bob@Example.org \r\nANN@example.org",
        'Name,Email\n"Lee, Ann",ann@example.org\nBob,bob@example.org\n',
        "e-mail;name\nann@example.org;Ann\nbob@example.org;",
        "name\taddress\nAnn\tann@example.org\nBob\tbob@example.org",
    ],
)
def test_a_list_is_read_as_people_keep_it(text: str) -> None:
    assert read_addresses(text) == ["ann@example.org", "bob@example.org"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ann@example.org\nbob\n\n,x", "row 2"),
        ("email,name\nann@example.org,Ann\n,Bob", "no address in row 3"),
        ("\n".join("bob" for _ in range(12)), "and 2 more"),
        ("a\x00b@example.org", "row 1"),
        ("x" * 200_000, "row 1"),
        ("\n".join(f"a{n}@example.org" for n in range(INVITES_MAX + 1)), "more than 10,000"),
    ],
)
def test_what_is_wrong_is_said_by_line(text: str, says: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        read_addresses(text)
    assert says in refused.value.members["errors"][0]["message"]


def test_an_empty_list_invites_nobody() -> None:
    assert read_addresses("\n \n") == []
