"""The structure of visitor ids: their length alone tells the kind of visitor."""

from __future__ import annotations

from app.core.base64url import base64url_length

# The id of an anonymous visitor: random bytes, then a hash of their network, each as base64url.
VISITOR_ID_BYTES, NETWORK_BYTES = 16, 3
NETWORK_CHARS = base64url_length(NETWORK_BYTES)
VISITOR_ID_CHARS = base64url_length(VISITOR_ID_BYTES) + NETWORK_CHARS
MEMBER_ID_CHARS = base64url_length(VISITOR_ID_BYTES) + 1  # of a member: a length that no other id has
SUSPECT_ID_CHARS = VISITOR_ID_CHARS + 2  # of a suspect: the original id, the reason, and their lane
