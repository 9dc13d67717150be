"""What runs on the stores: processes and their backlog. Checks that need both stores belong here."""

from __future__ import annotations

from app.core.errors import StoreUnavailable
from app.doctor.finding import Finding, good, wrong
from app.monitoring import health
from app.monitoring.health import Process, Unreachable
from app.set_aside import failures
from app.settings import Settings
from app.store.connections import Stores

LATE_S = 30


async def processes(stores: Stores, _settings: Settings) -> list[Finding]:
    """Web processes and workers of a single release run, and so do their loops."""
    state = await health.check(stores)
    found = []
    for name, start, there in (
        ("web", "fairgate web", state.webs),
        ("worker", "fairgate worker", state.workers),
    ):
        if isinstance(there, Unreachable):
            raise StoreUnavailable(there.why)
        alive = [it for it in there if it.alive]
        found.append(
            good(name, f"{len(alive)} alive")
            if alive
            else wrong(name, "none has reported in the last 10 s", f"start one: {start}")
        )
        found += _broken(name, alive)
        releases = sorted({it.about["version"] for it in alive if "version" in it.about})
        if len(releases) > 1:
            says = f"different releases run: {', '.join(releases)}"
            found.append(wrong(name, says, "restart the processes of the older one"))
    return found


def _broken(name: str, alive: list[Process]) -> list[Finding]:
    return [
        wrong(
            name, f"{it.name} cannot keep running: {loops}", "its log says why; restart it once that is fixed"
        )
        for it in alive
        if (loops := it.about.get("breaking"))
    ]


async def backlog(stores: Stores, settings: Settings) -> list[Finding]:
    """The work waiting for the workers."""
    waiting = (await health.check(stores)).backlog
    if isinstance(waiting, Unreachable):
        raise StoreUnavailable(waiting.why)
    says = (
        f"{waiting.submissions:,} reservations, {waiting.deliveries:,} webhook deliveries and "
        f"{waiting.mails:,} e-mails wait; the oldest unpublished event is {waiting.notices_lag_s:.0f} s old"
    )
    if waiting.notices_lag_s > LATE_S or waiting.submissions > settings.backlog_max / 2:
        return [wrong("backlog", says, "start more workers, and check their logs")]
    return [good("backlog", says)]


async def set_aside(stores: Stores, _settings: Settings) -> list[Finding]:
    """Nothing was set aside because it kept failing."""
    kinds = await failures.count(stores)
    if not kinds:
        return [good("set_aside", "nothing was set aside in the last month")]
    says = ", ".join(f"{number:,} of kind {kind}" for kind, number in sorted(kinds.items()))
    do = "retry or dismiss each on the console's health page, which also says why it failed"
    return [wrong("set_aside", f"set aside after three failed tries: {says}", do)]


CHECKS = (processes, backlog, set_aside)
