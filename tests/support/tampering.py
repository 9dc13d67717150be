"""Altered tokens and links that never match the original by chance."""

from __future__ import annotations

NEAR_END = -4  # decoders ignore some bits of the last character of base64


def tampered(text: str, at: int = NEAR_END) -> str:
    """The text with one character replaced."""
    return f"{text[:at]}{'A' if text[at] != 'A' else 'B'}{text[at:][1:]}"
