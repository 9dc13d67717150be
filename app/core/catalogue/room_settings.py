"""Constraints across the settings of a room, beyond the format of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.core import autopilot_settings, lanes
from app.core.catalogue import theme
from app.core.errors import ValidationFailed
from app.core.gate import gating
from app.core.model import RoomSettings
from app.core.moments import check_moments
from app.core.waiting_room import far_places, newcomers, parts, rules

_CHECKS: tuple[Callable[[RoomSettings], None], ...] = (
    check_moments,
    rules.check_times,
    lambda it: theme.check(it.theme),
    gating.check_gate,
    lambda it: autopilot_settings.check(it.autopilot),
    lambda it: lanes.check(it.lanes),
    newcomers.check,
    far_places.check,
    parts.check,
)


def check_settings(settings: RoomSettings) -> None:
    """Refuse settings with an error. Raises ValidationFailed for the first."""
    for check in _CHECKS:
        check(settings)


def setting_errors(settings: RoomSettings) -> Iterator[tuple[str, str]]:
    """Yield a field and a message for each failed check."""
    for check in _CHECKS:
        try:
            check(settings)
        except ValidationFailed as error:
            [wrong] = error.members["errors"]
            yield wrong["field"], wrong["message"]
