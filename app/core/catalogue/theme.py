"""The look of one sale: readable colours, pictures, and the style sheet generated from them. No I/O."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping

import msgspec

from app.core.errors import ValidationFailed
from app.core.model import Theme

READABLE = 4.5  # WCAG 2.2, AA, for text
WHITE, NEAR_BLACK = "#ffffff", "#10120f"
# The values in `static/fairgate.css`; a test compares.
LIGHT = {"paper": "#f2efe7", "card": "#fffdf8", "ink": "#17160f", "soft": "#5c584b", "go": "#0b5d4a"}
DARK = {"paper": "#10120f", "card": "#1a1d19", "ink": "#f0ede3", "soft": "#aeab9d", "go": "#6fd6b4"}
TINT = 0.12  # share of the accent in the background of highlighted elements
STEPS = 20  # from a colour to white
MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF"}


def contrast(first: str, other: str) -> float:
    """WCAG's contrast ratio of two colours, 1 to 21."""
    low, high = sorted((_luminance(first), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def check(theme: Theme) -> None:
    """Refuse unreadable colours and invalid pictures. Raises ValidationFailed."""
    paper = theme.paper or LIGHT["paper"]
    for ink in (LIGHT["ink"], LIGHT["soft"]):
        _readable("theme.paper", ink, paper, "with the text on it")
    if theme.accent:
        grounds = (paper, LIGHT["card"], _mixed(LIGHT["card"], theme.accent, TINT))
        for ground in grounds:
            _readable("theme.accent", theme.accent, ground, f"on {ground}")
    elif theme.paper:
        _readable("theme.paper", LIGHT["go"], paper, "with the links on it")
    for name in ("logo", "cover"):
        if getattr(theme, name):
            picture(getattr(theme, name), f"theme.{name}")


def contrasts(theme: Theme) -> dict[str, float]:
    """The lowest contrast of each colour against its surroundings, to help choosing it."""
    paper = theme.paper or LIGHT["paper"]
    accent = theme.accent or LIGHT["go"]
    grounds = (paper, LIGHT["card"], _mixed(LIGHT["card"], accent, TINT))
    return {
        "accent": min(contrast(accent, ground) for ground in grounds),
        "paper": min(contrast(ink, paper) for ink in (LIGHT["ink"], LIGHT["soft"])),
    }


def picture(uri: str, field: str = "theme") -> tuple[str, bytes]:
    """The content type and the bytes of a picture. Raises ValidationFailed."""
    head, _, text = uri.partition(";base64,")
    kind = head.removeprefix("data:")
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValidationFailed(field, "is not base64") from None
    if kind not in MAGIC or not content.startswith(MAGIC[kind]):
        raise ValidationFailed(field, f"is not a {kind.removeprefix('image/')} picture")
    return kind, content


def digest(theme: Theme) -> str:
    """A digest of this look, so that addresses containing it can be cached forever; "" for the default
    look."""
    return "" if theme == Theme() else hashlib.sha256(msgspec.json.encode(theme)).hexdigest()[:12]


def palettes(theme: Theme) -> tuple[dict[str, str], dict[str, str]]:
    """The custom properties that differ from the defaults, in light and in dark."""
    light: dict[str, str] = {}
    dark: dict[str, str] = {}
    if theme.paper:
        light["paper"] = theme.paper
    if theme.paper and theme.logo:
        dark["plate"] = theme.paper  # a logo designed for light pages keeps their background
    if theme.accent:
        accent = _lightened(theme.accent)
        light |= {"go": theme.accent, "on-go": WHITE, "go-tint": _mixed(LIGHT["card"], theme.accent, TINT)}
        dark |= {"go": accent, "on-go": NEAR_BLACK, "go-tint": _mixed(DARK["card"], accent, TINT)}
    return light, dark


def stylesheet(theme: Theme) -> str:
    """The style sheet that is loaded after the default one."""
    light, dark = palettes(theme)
    parts = [
        f"@media (prefers-color-scheme: {scheme}){{:root{{{_properties(values)}}}}}"
        for scheme, values in (("light", light), ("dark", dark))
        if values
    ]
    return "".join(parts)


def preview_stylesheet(theme: Theme) -> str:
    """Both the light and the dark look, for `.preview.light` and `.preview.dark`."""
    light, dark = palettes(theme)
    return (
        f".preview.light{{{_properties(LIGHT | {'on-go': WHITE} | light)}}}"
        f".preview.dark{{{_properties(DARK | {'on-go': NEAR_BLACK} | dark)}}}"
    )


def _properties(values: Mapping[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in values.items())


def _readable(field: str, ink: str, ground: str, what: str) -> None:
    ratio = contrast(ink, ground)
    if ratio < READABLE:
        raise ValidationFailed(
            field, f"has too little contrast {what}: {ratio:.1f} to 1, where {READABLE} to 1 is needed"
        )


def _lightened(accent: str) -> str:
    """The accent for dark backgrounds: lightened until it is readable on them."""
    steps = (_mixed(accent, WHITE, step / STEPS) for step in range(STEPS))
    return next(it for it in steps if _is_readable_in_dark(it))  # the last one is nearly white


def _is_readable_in_dark(colour: str) -> bool:
    grounds = (DARK["card"], DARK["paper"], _mixed(DARK["card"], colour, TINT))
    return all(contrast(colour, ground) >= READABLE for ground in grounds)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(ground: str, colour: str, share: float) -> str:
    pairs = zip(_channels(ground), _channels(colour), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
