"""The rows of the benchmark by name, in the order of the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from load.measure.figures import Row
from load.measure.trials import Run
from load.rows import (
    accuracy,
    arriving,
    calm,
    floods,
    gates,
    growth,
    later,
    million,
    nginx,
    paying,
    processes,
    rates,
    ratios,
    rooms,
    scaling,
    streams,
    visits,
)

ROWS: Mapping[str, Callable[[Run], Awaitable[Row]]] = {
    "ratios": ratios.ratios,
    "reservations": rates.reservations,
    "strangers": rates.strangers,
    "paced": rates.paced,
    "calm": calm.calm,
    "last": rates.last_tickets,
    "confirms": paying.confirms,
    "joins": rates.joins,
    "floods": floods.floods,
    "unthrottled": rates.unthrottled,
    "place": rates.places,
    "claims": rates.claims,
    "status": rates.statuses,
    "page": arriving.pages,
    "file": arriving.files,
    "gate": gates.gates,
    "nginx-gate": gates.behind_nginx,
    "reads": paying.reads,
    "hypercorn": rates.hypercorn,
    "hypercorn-two": rates.hypercorn_two,
    "million": million.million,
    "accuracy": accuracy.accuracy,
    "streams": streams.streams,
    "nginx": nginx.through_nginx,
    "origin": visits.visits,
    "rooms": rooms.rooms,
    "memory": growth.memory,
    "later": later.later,
    "processes": processes.processes,
    "scaling": scaling.scaling,
}
