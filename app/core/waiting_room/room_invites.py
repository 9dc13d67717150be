"""Invitations to join a room for members: the list of addresses, and the state of each invitation."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Literal

from app.core.errors import ValidationFailed
from app.core.model import Struct
from app.core.notifications.email import mailbox

FILE_MAX = 2 * 1024 * 1024  # bytes
INVITES_MAX = 10_000  # per room
WRONG_MAX = 10  # lines named in an error
HEADINGS = ("email", "e-mail", "mail", "address")  # of the column, case-insensitive

InviteState = Literal["sent", "on_its_way", "not_sent", "used", "withdrawn"]


class RoomInvite(Struct, frozen=True):
    """An invitation and its state."""

    invite_id: str
    email: str
    state: InviteState
    invited_at: datetime
    used_at: datetime | None


def read_addresses(text: str) -> list[str]:
    """Parse the addresses of a CSV file or a plain list, without duplicates. Raises ValidationFailed
    (`file`).

    The column is the one headed `email`, else the first.
    """
    column, addresses, wrong = 0, dict[str, str](), list[str]()
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=_separator(text))
    try:
        for number, row in enumerate(rows, 1):
            cells = [it.strip() for it in row]
            if number == 1 and (named := [i for i, it in enumerate(cells) if it.lower() in HEADINGS]):
                column = named[0]
            elif any(cells):
                _add(addresses, wrong, rows.line_num, cells[column] if column < len(cells) else "")
    except csv.Error as error:
        raise ValidationFailed("file", f"row {rows.line_num}: {error}") from None
    if wrong:
        more = f"; and {len(wrong) - WRONG_MAX} more" if len(wrong) > WRONG_MAX else ""
        raise ValidationFailed("file", f"no address in {', '.join(wrong[:WRONG_MAX])}{more}")
    return list(addresses.values())


def _separator(text: str) -> str:
    line = text.partition("\n")[0]
    return max(",;\t", key=line.count)


def _add(addresses: dict[str, str], wrong: list[str], line: int, cell: str) -> None:
    try:
        address = mailbox(cell)
    except ValidationFailed:
        wrong.append(f"row {line}")
        return
    addresses.setdefault(address.lower(), address.lower())
    if len(addresses) > INVITES_MAX:
        raise ValidationFailed("file", f"has more than {INVITES_MAX:,} addresses")
