"""The shared document through the nginx of `deploy/`: its rate, and how many requests still reach us."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec

from load.measure import crowd
from load.measure.figures import Figure, Row, Trial, missing, row_of
from load.measure.trials import Run, measure
from load.servers.product import Product
from load.servers.proxy import ProxyFailed, cpu_s, proxied

RATE = 6_000  # admissions per minute, so that the document keeps changing
SAMPLE = re.compile(r'^fairgate_requests_total\{call="([^"]*)",status="\d+"\} (\S+)$', re.MULTILINE)
STATUS_CALL = "status"  # `app.web.rooms.status`


async def through_nginx(run: Run) -> Row:
    """The shared document at 1,000 connections through nginx, and how many requests reach the origin."""
    options = replace(run.options, connections=run.size.proxy_connections)
    try:
        many = 2 * options.connections
        async with run.product() as product, proxied(product.url, connections=many) as (url, process):
            room_id = await crowd.open_room(
                product, "proxied", admission_rate_per_minute=RATE, active_visitors_max=None
            )
            trials, reached = [], []
            for _ in range(run.size.trials):
                before, cpu_before = await _reached(product), cpu_s(process)
                trial, _ = await measure(product, crowd.statuses(room_id), options, 200, url=url)
                reached.append((await _reached(product) - before) / trial.seconds)
                trials.append(with_nginx(trial, cpu_s(process) - cpu_before))
    except ProxyFailed as error:
        return missing("nginx", str(error))
    row = row_of("nginx", trials, at_least=40_000, note=f"{options.connections:,} connections")
    row.figures.append(Figure.of("reach the origin, a second", reached, at_most=2))
    return row


async def _reached(product: Product) -> float:
    """How many requests for the shared document the web process has answered."""
    text = (await product.call("GET", product.metrics_url)).text
    return sum(float(value) for call, value in SAMPLE.findall(text) if call == STATUS_CALL)


def with_nginx(trial: Trial, cpu_s: float) -> Trial:
    """The trial with nginx's CPU added to that of the others."""
    return msgspec.structs.replace(trial, cpu_s={**trial.cpu_s, "nginx": cpu_s})
