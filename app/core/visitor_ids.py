"""What the ids of visitors are made of: by their length alone it is known whose they are."""

from __future__ import annotations

from app.core.base64url import base64url_length

# The id of an anonymous visitor: random bytes, then a hash of the network they come from, each as base64url.
VISITOR_ID_BYTES, NETWORK_BYTES = 16, 3
NETWORK_CHARS = base64url_length(NETWORK_BYTES)
VISITOR_ID_CHARS = base64url_length(VISITOR_ID_BYTES) + NETWORK_CHARS
MEMBER_ID_CHARS = base64url_length(VISITOR_ID_BYTES) + 1  # of a member: tells them from everybody else
SUSPECT_ID_CHARS = VISITOR_ID_CHARS + 2  # of a suspect: what it was, why they are one, and their lane
