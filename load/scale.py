"""The arithmetic of docs/explanation/scale.md: from the cost of a request to the needs of a crowd.

`python -m load.scale` prints the table of that page; with `--fans`, `--arrive-s`, `--called-per-s` for
another crowd, and with `--cost NAME=VALUE`, which can be repeated, with other costs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import ceil
from typing import Annotated

import typer

from app.core.errors import CannotRun

BUSY = 0.6  # of a core, at most: leaves room for bursts and for a failed neighbour
POLL_S = 3.0  # a page without a stream polls the shared document this often


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds of CPU for one of each, unless the name says otherwise."""

    page_web: float = 755  # the queue page of a newcomer, whose browser then joins
    join_web: float = 120
    join_valkey: float = 28
    place_web: float = 120
    place_valkey: float = 28
    claim_web: float = 290
    claim_valkey: float = 49
    claim_postgres: float = 42
    call_valkey: float = 5
    reserve_web: float = 145
    reserve_worker: float = 85  # including publishing its event
    reserve_valkey: float = 55
    reserve_postgres: float = 36
    hit_nginx: float = 20
    page_files: float = 10  # scripts, styles and pictures of the page, from the cache
    delivery_web: float = 21
    stream_kb: float = 20
    waiting_bytes: float = 96
    answer_bytes: float = 900  # the shared document with its headers
    arrive_valkey: float = 46  # for a room in parts: on the nodes of the parts
    gather_valkey: float = 10  # and on the room's own
    far_asks_per_minute: float = 0.03  # per visitor further back than `exact_within`
    asks_per_minute: float = 0.13  # for their own place, per waiting visitor


@dataclass(frozen=True, slots=True)
class Sale:
    """A crowd: how many arrive in how many seconds, how many are called per second, and who reserves."""

    fans: int
    arrive_s: float
    called_per_s: float
    reserves_share: float = 0.7
    exact_within: int = 0  # places further back are answered without Redis; 0: all are looked up
    in_parts: bool = False  # joins are spread over a cluster


@dataclass(frozen=True, slots=True)
class Needs:
    """What a sale needs at its peak: the last have arrived, and people are being called."""

    joins_per_s: float
    asks_per_s: float
    reservations_per_s: float
    web_cores: float
    web_processes: int
    worker_processes: int
    valkey_cores: float
    part_cores: float
    rooms: int
    valkey_gb: float
    postgres_cores: float
    polls_per_s: float
    nginx_cores: float
    network_gbit_s: float
    stream_processes: int
    stream_gb: float
    stream_cores: float


LARGE_SALES = tuple(
    Sale(fans, 600, called, exact_within=50_000, in_parts=True)
    for fans, called in ((10_000_000, 1_000), (20_000_000, 2_000), (100_000_000, 5_000))
)
SALES = (Sale(100_000, 60, 100), Sale(1_000_000, 60, 500), Sale(100_000_000, 600, 5_000))


def needs(sale: Sale, costs: Costs) -> Needs:
    """Compute the needs. One room is one thread of one Valkey, so busy cores of Valkey are rooms."""
    joins, near = sale.fans / sale.arrive_s, min(sale.fans, sale.exact_within or sale.fans)
    looked_up = near * costs.asks_per_minute / 60
    asks = looked_up + (sale.fans - near) * costs.far_asks_per_minute / 60
    called, reserved = sale.called_per_s, sale.called_per_s * sale.reserves_share

    def cores(joined: float, asked: float, claimed: float, held: float, asking: float = asks) -> float:
        return (joins * joined + asking * asked + called * claimed + reserved * held) / 1e6

    web = cores(costs.page_web + costs.join_web, costs.place_web, costs.claim_web, costs.reserve_web)
    claim_valkey = costs.claim_valkey + costs.call_valkey
    join_valkey = costs.gather_valkey if sale.in_parts else costs.join_valkey
    valkey = cores(join_valkey, costs.place_valkey, claim_valkey, costs.reserve_valkey, looked_up)
    polls, streams = sale.fans / POLL_S, sale.fans * costs.delivery_web / 1e6  # one document per second
    return Needs(
        joins_per_s=joins,
        asks_per_s=asks,
        reservations_per_s=reserved,
        web_cores=web,
        web_processes=ceil(web / BUSY),
        worker_processes=max(2, ceil(reserved * costs.reserve_worker / 1e6 / BUSY)),  # two: one may die
        valkey_cores=valkey,
        part_cores=joins * costs.arrive_valkey / 1e6 if sale.in_parts else 0,
        rooms=ceil(valkey / BUSY),
        valkey_gb=sale.fans * costs.waiting_bytes / 1e9,
        postgres_cores=cores(0, 0, costs.claim_postgres, costs.reserve_postgres),
        polls_per_s=polls,
        nginx_cores=(polls + joins * costs.page_files) * costs.hit_nginx / 1e6,
        network_gbit_s=polls * costs.answer_bytes * 8 / 1e9,
        stream_processes=max(ceil(sale.fans / 10_000), ceil(streams / BUSY)),
        stream_gb=sale.fans * costs.stream_kb / 1e6,
        stream_cores=streams,
    )


def table(sales: Sequence[Sale], costs: Costs) -> str:
    """The needs as Markdown: one column per sale, one line per need."""
    sizes = [needs(sale, costs) for sale in sales]
    lines = ["| | " + " | ".join(f"{sale.fans:,} fans" for sale in sales) + " |"]
    lines.append("| --- |" + " ---: |" * len(sales))
    for sale_field in ("arrive_s", "called_per_s"):
        lines.append(_line(sale_field, [getattr(sale, sale_field) for sale in sales]))
    lines += [_line(it.name, [getattr(need, it.name) for need in sizes]) for it in fields(Needs)]
    return "\n".join(lines)


def _line(name: str, values: Sequence[float]) -> str:
    return f"| `{name}` | " + " | ".join(_number(value) for value in values) + " |"


def _number(value: float) -> str:
    if value >= 10 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2g}"


def with_costs(changes: Sequence[str]) -> Costs:
    """Return the costs with some replaced, given as NAME=VALUE. Raises CannotRun."""
    names = [it.name for it in fields(Costs)]
    costs: dict[str, float] = {}
    for change in changes:
        name, _, value = change.partition("=")
        if name not in names:
            raise CannotRun(f"there is no cost {name!r}; there are: {', '.join(names)}")
        try:
            costs[name] = float(value)
        except ValueError:
            raise CannotRun(f"{name} must be a number, not {value!r}") from None
    return replace(Costs(), **costs)


def main(
    fans: Annotated[int, typer.Option(min=0, help="Size of the crowd; 0: the crowds of the page Scale.")] = 0,
    arrive_s: Annotated[float, typer.Option(min=0.1, help="Seconds within which they arrive.")] = 60,
    called_per_s: Annotated[float, typer.Option(min=0, help="Visitors called per second.")] = 100,
    cost: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, see `Costs`.")] = None,
) -> None:
    """Print what a crowd needs."""
    try:
        costs = with_costs(cost or [])
    except CannotRun as error:
        print(f"scale: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    if fans:
        print(table([Sale(fans, arrive_s, called_per_s)], costs))
    else:
        print(table(SALES, costs), table(LARGE_SALES, costs), sep="\n\n")


if __name__ == "__main__":
    typer.run(main)
