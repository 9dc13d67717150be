"""The sizes of the benchmark's rows: full, or quick to check that each row works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Sizes of the rows. `seconds` is the length of one trial; a row's figure is the median of its trials."""

    trials: int = 3
    seconds: int = 10
    places: int = 20_000  # visitors who request their exact place
    joins_per_s_max: int = 40_000  # requests prepared per second if each has its own address
    buyers_per_s_max: int = 12_000  # visitors prepared per second of reservations
    paced_per_s: int = 5_000
    last_tickets: int = 1_000  # of each type, for ten times as many buyers
    claimers: int = 30_000  # called visitors who claim, in each trial
    payers: int = 6_000  # holds that are paid for, in each trial
    waiting: int = 1_000_000  # in one queue
    ticks: int = 100  # of the admission controller, 1,000 visitors each
    watched_s: int = 60  # how long admissions are compared with the rate
    streams: int = 10_000  # open at one web process
    stream_ticks: int = 10
    proxy_connections: int = 1_000
    small: int = 50_000  # joins and reservations after which memory is first measured
    grown: int = 1_000_000  # and measured last
    reserved: int = 1_200_000  # reservations before the measured ones, see `load/rows/later.py`
    rooms_made: int = 5_000  # ever
    rooms_open: int = 500  # and empty
    rooms_busy: int = 20
    fans: int = 100_000  # simulated visitors whose requests to the origin are counted


WHOLE = Size()
QUICK = Size(
    seconds=1,
    places=2_000,
    joins_per_s_max=20_000,
    buyers_per_s_max=6_000,
    paced_per_s=500,
    last_tickets=100,
    claimers=600,
    payers=300,
    waiting=50_000,
    ticks=20,
    watched_s=6,
    streams=1_000,
    stream_ticks=4,
    proxy_connections=200,
    small=5_000,
    grown=20_000,
    reserved=20_000,
    rooms_made=500,
    rooms_open=100,
    rooms_busy=5,
)
