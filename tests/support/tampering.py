"""Tokens and links somebody has altered, never by chance into what they were."""

from __future__ import annotations

NEAR_END = -4  # the last character of base64 has bits that decoders pass over


def tampered(text: str, at: int = NEAR_END) -> str:
    """The text with one character exchanged for another."""
    return f"{text[:at]}{'A' if text[at] != 'A' else 'B'}{text[at:][1:]}"
