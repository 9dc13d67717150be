"""The row of floods: how many honest visitors still join while one attacker floods the product.

Sending a flood also costs CPU on this machine. So the comparison is with the same attacker, at the same rate,
flooding a server that does nothing (`load/servers/sink.py`).
"""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import msgspec

from app.runtime import child_process
from load.measure import crowd, prepared
from load.measure.attacker import Order
from load.measure.figures import Figure, Row
from load.measure.trials import Run
from load.rows.rates import join_trial

BESIDE = 0.9  # the least share of the joins without the flood
RATES = {  # sent by one address per second: more than its limits allow
    "metrics": 200,
    "names": 400,
    "resets": 50,
    "streams": 200,  # openings, of 600 wanted at once
    "bodies": 100,  # beginnings, of 300 wanted at once; then a byte every five seconds
    "cycles": 200,
}
UNDER_WAY_S = 2.0
ENDS_S = 10.0
BEGINS_S = 60.0


async def floods(run: Run) -> Row:
    """Joins during each flood from one address, as a share of those without it, in turn."""
    figures, answers = [], []
    async with run.product(throttled=True) as product, sink() as nobody:
        sale = await crowd.open_sale(product, "target")
        tokens = await prepared.inside(product, sale, run.size.trials)  # one each: trials leave holds
        address = urlsplit(product.url)
        for flood, per_s in RATES.items():
            host, port = str(address.hostname), address.port or 80
            shares, report = [], ""
            for number, token in enumerate(tokens):
                order = Order(flood, host, port, per_s, sale.name, sale.name, token)
                at_nobody = msgspec.structs.replace(order, host="127.0.0.1", port=nobody)
                async with attacked(at_nobody):
                    calm, _ = await join_trial(run, product, f"{flood}-{number}-calm", by_address=True)
                async with attacked(order) as attacker:
                    beside, watched = await join_trial(run, product, f"{flood}-{number}", by_address=True)
                run.verdicts[f"floods {flood} {number + 1}"] = watched.verdict()
                shares.append(beside.per_s / calm.per_s)
                report = ", ".join(f"{count:,} x {word}" for word, count in sorted(attacker.items()))
            figures.append(Figure.of(f"joins beside {flood}, of those without", shares, at_least=BESIDE))
            answers.append(f"{flood}, {per_s} a second: {report}")
    return Row(name="floods", figures=figures, note="responses to the attacker: " + "; ".join(answers))


@asynccontextmanager
async def sink() -> AsyncIterator[int]:
    """Start a server that does nothing, and yield its port."""
    command = [sys.executable, "-P", "-m", "load.servers.sink"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, env=child_process.module_environment()
    )
    try:
        assert process.stdout is not None
        yield int(await asyncio.wait_for(process.stdout.readline(), BEGINS_S))
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def attacked(order: Order) -> AsyncIterator[dict[str, int]]:
    """Run one attacker, which gets the CPU that others leave; how it was answered is known afterwards."""
    command = ["nice", "-n", "19", sys.executable, "-P", "-m", "load.measure.attacker"]
    process = await asyncio.create_subprocess_exec(
        *command, msgspec.json.encode(order).decode(), stdout=PIPE, env=child_process.module_environment()
    )
    answers: dict[str, int] = {}
    try:
        await asyncio.sleep(UNDER_WAY_S)
        yield answers
        process.send_signal(signal.SIGTERM)
        out, _ = await asyncio.wait_for(process.communicate(), ENDS_S)
        answers |= msgspec.json.decode(out, type=dict[str, int])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
