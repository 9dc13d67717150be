"""What newcomers show of who they are, in rooms that ask for it. No I/O.

`email`: a mailbox that they have confirmed for this room, which has one place.
"""

from __future__ import annotations

from typing import Literal

Identity = Literal["none", "email"]
Shown = Literal["shown", "missing"]
