"""The row for comparing machines: the product beside references in one run, as ratios.

Trials of product and reference alternate, so that a machine that slows down slows both. Each ratio is of two
consecutive trials; the row has their median and spread. Absolute figures of two machines, or of two hours on
one, differ by a factor of three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from load.judging.verdict import Verdict
from load.measure import crowd, prepared
from load.measure.crowd import Sale
from load.measure.figures import GENERATOR, Figure, Row, Trial, medians
from load.measure.trials import Run, measure
from load.measure.wrk import Requests
from load.reference.processes import Site, beside
from load.rows.rates import join_trial, reserve_trial

TOKEN_CHARS = 400  # about the length of a booking token; nobody reads this one
OF_BARE, CPU_OF_BARE, TAIL = 0.75, 1.5, 4.0  # targets
JOINS_OF_NOTHING, PLACES_OF_NOTHING = 0.30, 0.40


async def ratios(run: Run) -> Row:
    """Beside a bare prototype of the same design, and a server that does nothing, in the same run."""
    async with run.product() as product, beside(product) as site:
        reservations, bare, joins, places, nothing = [], [], [], [], []
        room_id = await crowd.open_room(product, "places", admission_rate_per_minute=0)
        visitors = await prepared.fill(product, room_id, run.size.places)
        asking = crowd.places(room_id, await prepared.place_tokens(product, room_id, visitors))
        for number in range(run.size.trials):
            trial, verdict, _ = await reserve_trial(run, product, f"ratio-{number}")
            reservations.append(trial)
            run.verdicts[f"ratios {number + 1}"] = verdict
            found, verdict = await _bare_trial(run, site, number)
            bare.append(found)
            run.verdicts[f"the bare prototype {number + 1}"] = verdict
            joins.append((await join_trial(run, product, f"joins-{number}"))[0])
            nothing.append(await _nothing_trial(run, site, asking))
            places.append((await measure(product, asking, run.options, 200))[0])
    return Row(
        name="ratios",
        figures=[
            *beside_bare(reservations, bare),
            *beside_nothing("joins", joins, nothing, JOINS_OF_NOTHING),
            *beside_nothing("places", places, nothing, PLACES_OF_NOTHING),
        ],
        cpu=medians([it.cores for it in reservations]),
        cpu_us=medians([it.cpu_us for it in reservations]),
        note=f"CPU of a reservation in the bare prototype: {_by_process(bare)}",
    )


async def _bare_trial(run: Run, site: Site, number: int) -> tuple[Trial, Verdict]:
    """Send the same requests to the prototype; what it promised has to be in Postgres."""
    count = run.size.buyers_per_s_max * run.size.seconds
    requests = crowd.reservations(Sale("bare"), ["0" * TOKEN_CHARS] * count, first=number * count)
    before = await site.committed()
    trial, promised = await measure(site.product, requests, run.options, 201, url=site.url, cpu_s=site.cpu_s)
    committed = await site.committed() - before
    lost = [f"{len(promised) - committed} of {len(promised)}"] if committed < len(promised) else []
    return trial, Verdict(lost=lost)


async def _nothing_trial(run: Run, site: Site, requests: Requests) -> Trial:
    trial, _ = await measure(site.product, requests, run.options, 200, url=site.nothing_url, cpu_s=site.cpu_s)
    return trial


def beside_bare(reservations: Sequence[Trial], bare: Sequence[Trial]) -> list[Figure]:
    """The product's trials of reservations, each with the prototype's trial that followed it."""
    pairs = list(zip(reservations, bare, strict=True))
    tails = [it.p99_ms / it.p50_ms for it in reservations if it.p50_ms]
    return [
        Figure.of("reservations, of bare", [_share(own, it) for own, it in pairs], at_least=OF_BARE),
        Figure.of("CPU, of bare", [_cpu(own) / _cpu(it) for own, it in pairs], at_most=CPU_OF_BARE),
        Figure.of("p99 / p50", tails or [0.0], at_most=TAIL),
        Figure.of("reservations a second", [it.per_s for it in reservations]),
        Figure.of("bare, a second", [it.per_s for it in bare]),
        Figure.of("CPU, us", [_cpu(it) for it in reservations]),
        Figure.of("bare, CPU, us", [_cpu(it) for it in bare]),
        Figure.of("WAL, bytes", [it.wal_each for it in reservations]),
        Figure.of("bare, WAL, bytes", [it.wal_each for it in bare]),
        Figure.of("p50 ms", [it.p50_ms for it in reservations]),
        Figure.of("p99 ms", [it.p99_ms for it in reservations]),
        Figure.of("bare, p50 in ms", [it.p50_ms for it in bare]),
        Figure.of("bare, p99 in ms", [it.p99_ms for it in bare]),
    ]


def beside_nothing(
    what: str, trials: Sequence[Trial], nothing: Sequence[Trial], at_least: float
) -> list[Figure]:
    """The product's trials, each with one of the server that does nothing."""
    shares = [_share(own, it) for own, it in zip(trials, nothing, strict=True)]
    return [
        Figure.of(f"{what}, of nothing", shares, at_least=at_least),
        Figure.of(f"{what} a second", [it.per_s for it in trials]),
    ]


def _share(own: Trial, other: Trial) -> float:
    return own.per_s / other.per_s if other.per_s else 0.0


def _cpu(trial: Trial) -> float:
    """Microseconds per response, of all processes but the load generator."""
    return max(0.001, sum(us for name, us in trial.cpu_us.items() if name != GENERATOR))


def _by_process(trials: Sequence[Trial]) -> str:
    cpu_us: Mapping[str, float] = medians([it.cpu_us for it in trials])
    return ", ".join(
        f"{name} {us:,.0f} us" for name, us in cpu_us.items() if name not in (GENERATOR, "nothing")
    )
