"""What newcomers show of who they are, in rooms that ask for it. No I/O.

`email`: a mailbox that they have confirmed for this room. `passkey`: a passkey of an account of ours, which
has a confirmed mailbox, too. Either way a mailbox has one place.
"""

from __future__ import annotations

from typing import Literal

Identity = Literal["none", "email", "passkey"]
Shown = Literal["shown", "missing"]
