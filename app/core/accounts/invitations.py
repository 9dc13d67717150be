"""Invitations of staff, and of members to rooms: a link is derived from an id and FAIRGATE_SECRET, and stored
as a digest."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode

INVITED_S = 72 * 3600


class InvitationSigner:
    """Derives a link's token from its stored id, which does not reveal the token."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"fairgate invitation", "sha256")
        self._room_key = hmac.digest(secret, b"fairgate invitation to a room", "sha256")

    def token(self, invitation_id: str) -> str:
        """The token in the link."""
        return _mac(self._key, invitation_id)

    def room_token(self, invite_id: str) -> str:
        """The token in the link to a room for members."""
        return _mac(self._room_key, invite_id)


def _mac(key: bytes, text: str) -> str:
    return urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")).rstrip(b"=").decode()
