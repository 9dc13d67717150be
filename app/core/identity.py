"""The identities that rooms can require of newcomers. No I/O.

`email`: a mailbox confirmed for this room. `passkey`: a passkey of a fan's account, which has a confirmed
mailbox, too. Either way each mailbox gets one place.
"""

from __future__ import annotations

from typing import Literal

Identity = Literal["none", "email", "passkey"]
Shown = Literal["shown", "missing"]
