"""How many requests are allowed, and how long things may take."""

from __future__ import annotations

from pydantic import BaseModel, Field

from app.core.text.setting_values import Switch


class Limits(BaseModel):
    """How many requests are allowed, and how long things may take."""

    rate_limits: Switch = True
    """`off` turns off all throttles, including those of `/v1/login` (for benchmarks)."""
    join_rate_per_address: int = Field(default=600, ge=0, le=60_000_000)
    """Joins per minute from one IPv4 address or IPv6 /64; 0: no limit."""
    join_burst_per_address: int = Field(default=200, ge=1, le=1_000_000)
    """Joins at once from one address."""
    place_rate_per_minute: int = Field(default=120, ge=1, le=1_000_000)
    """Place and claim calls per minute for one place."""
    place_burst: int = Field(default=30, ge=1, le=1_000_000)
    """Place and claim calls at once for one place."""
    reserve_rate_per_visitor: int = Field(default=60, ge=0, le=1_000_000)
    """Reserve, confirm, extend and cancel calls per minute of one visitor; 0: no limit."""
    reserve_burst_per_visitor: int = Field(default=40, ge=1, le=1_000_000)
    """Such calls at once of one visitor."""
    reserve_rate_per_address: int = Field(default=3000, ge=0, le=60_000_000)
    """Such calls per minute from one IPv4 address or IPv6 /64; 0: no limit."""
    reserve_burst_per_address: int = Field(default=1000, ge=1, le=1_000_000)
    """Such calls at once from one address."""
    streams_per_address: int = Field(default=300, ge=0, le=1_000_000)
    """Event streams that one address (IPv6: a /64) may have open in one process, then 429; 0: no limit."""
    requests_per_address: int = Field(default=1000, ge=0, le=1_000_000)
    """Requests that one address (IPv6: a /64) may have in flight in one web process, streams included, then
    429; 0: no limit. What comes through `FAIRGATE_TRUSTED_PROXIES` is for the proxy to limit."""
    staff_rate_per_minute: int = Field(default=1200, ge=1, le=1_000_000)
    """Calls per minute with one account's access tokens."""
    backlog_max: int = Field(default=20_000, ge=1, le=10_000_000)
    """Reservation requests that may wait in one room, then 503 `backlog_full`."""
    reserve_wait_s: float = Field(default=10.0, gt=0, le=60)
    """Seconds a reserve call waits for its decision."""
    body_timeout_s: float = Field(default=10.0, gt=0, le=600)
    """Seconds for a request's body, and for each piece of it; large bodies get one more for each 32 KiB
    received."""
    shutdown_delay_s: float = Field(default=5.0, ge=0, le=600)
    """Seconds from SIGTERM, when `/readyz` turns 503, until a web process accepts nothing new: proxies
    have to notice first. SIGINT, or a second SIGTERM, ends the wait. 0 in processes of `fairgate up`."""
    shutdown_grace_s: float = Field(default=20.0, gt=0, le=600)
    """Seconds from then on for requests in progress and open streams, and for a worker's unfinished work;
    anything that takes longer is cut off. 1.2 in processes of `fairgate up`."""
    send_timeout_s: float = Field(default=30.0, gt=0, le=600)
    """Seconds after which a client that reads nothing of a response or stream is disconnected."""
    store_timeout_s: float = Field(default=2.0, gt=0, le=60)
    """Seconds for any one round trip to a store."""
    postgres_pool_max: int = Field(default=10, ge=4, le=1000)
    """Connections to PostgreSQL per process. A restore holds two at once."""
    postgres_statements: int = Field(default=0, ge=0, le=10_000)
    """Prepared statements kept per connection, which saves a round trip each. Embedded: 100. Leave 0 behind
    PgBouncer in transaction mode."""
