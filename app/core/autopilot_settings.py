"""The room setting `autopilot`: the range in which the rate moves, and the shop's targets."""

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
    """Where to query the shop's health, every few seconds. Each query must return one number."""

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
    # until an admission shows in the shop's load; longer: slower up
    settle_s: Annotated[int, Meta(ge=5, le=600)] = 5
    paused: bool = False  # the rate is left alone; set when staff change the rate by hand
    prometheus: PrometheusSource | None = None  # queried in addition to the shop's own reports


def check(autopilot: Autopilot | None) -> None:
    """Check the targets. Raises ValidationFailed naming the field."""
    if autopilot is None:
        return
    if autopilot.ceiling < autopilot.floor:
        raise ValidationFailed("autopilot.ceiling", "must be at least the floor")
    if autopilot.prometheus is None:
        return
    if not _ADDRESS.fullmatch(autopilot.prometheus.url):
        raise ValidationFailed(
            "autopilot.prometheus.url",
            "must be the address of a Prometheus server, such as https://prometheus.example:9090",
        )
    for name in ("p95_ms", "error_rate"):
        if not getattr(autopilot.prometheus, name).strip():
            raise ValidationFailed(f"autopilot.prometheus.{name}", "must be a query, not empty")
