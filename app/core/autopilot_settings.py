"""A room's setting `autopilot`: between which rates it moves, and what the shop has to keep to."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from app.core.errors import ValidationFailed
from app.core.formats import NAME, URL

_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")

Rate = Annotated[int, Meta(ge=1, le=60_000_000)]
Query = Annotated[str, Meta(max_length=2000, pattern=NAME)]


class PrometheusSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the shop's health is asked for, every few seconds. Each query gives one number."""

    url: Annotated[str, Meta(max_length=2000, pattern=URL)]  # of the server, as http://prometheus:9090
    p95_ms: Query
    error_rate: Query
    in_flight: Query = ""


class Autopilot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The setting; a room without it keeps the rate that staff set."""

    floor: Rate
    ceiling: Rate
    p95_ms: Annotated[int, Meta(ge=1, le=600_000)] = 800
    error_rate: Annotated[float, Meta(ge=0.0001, le=1)] = 0.01  # a share: 0.01 is one in a hundred
    in_flight: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None  # requests at once; None: not a target
    settle_s: Annotated[int, Meta(ge=5, le=600)] = 5  # until the shop feels who was let in; longer: slower up
    paused: bool = False  # it leaves the rate alone; so it is when staff set the rate by hand
    prometheus: PrometheusSource | None = None  # asked besides what the shop reports


def check(it: Autopilot | None) -> None:
    """Raises ValidationFailed naming the field."""
    if it is None:
        return
    if it.ceiling < it.floor:
        raise ValidationFailed("autopilot.ceiling", "must be at least the floor")
    if it.prometheus is None:
        return
    if not _ADDRESS.fullmatch(it.prometheus.url):
        raise ValidationFailed(
            "autopilot.prometheus.url",
            "must be the address of a Prometheus server, as https://prometheus.example:9090",
        )
    for name in ("p95_ms", "error_rate"):
        if not getattr(it.prometheus, name).strip():
            raise ValidationFailed(f"autopilot.prometheus.{name}", "must be a query, not empty")
