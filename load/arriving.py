"""The rows of what a crowd asks for besides the line: the queue page, our files, the gate of a shop."""

from __future__ import annotations

from app.web.assets import load_assets
from load import crowd
from load.figures import Row, row_of
from load.measuring import Run, measure
from load.product import Product
from load.wrk import How, Requests

BROWSER = {"Accept": "text/html", "Accept-Encoding": "gzip", "Accept-Language": "en"}


async def pages(run: Run) -> Row:
    """Newcomers open the queue page of a room with a line."""
    async with run.product() as product:
        sale = await crowd.open_sale(product, "pages")
        return await _asked(run, product, "page", Requests("GET", f"/rooms/{sale.room_id}", BROWSER))


async def files(run: Run) -> Row:
    """A script of the queue page, as a browser asks for it."""
    async with run.product() as product:
        return await _asked(run, product, "file", Requests("GET", load_assets().url("queue.js"), BROWSER))


async def gates(run: Run) -> Row:
    """A proxy asks whether visitors may pass: each request of the shop behind it, with a booking token."""
    async with run.product() as product:
        sale = await crowd.open_sale(product, "gates")
        closed_loop = How(run.how.connections, run.how.threads)
        tokens = await crowd.inside(product, sale, run.size.payers, closed_loop)
        path, headers = f"/v1/rooms/{sale.room_id}/gate", {"Authorization": "Bearer {1}"}
        requests = Requests("GET", path, headers, lines=[(it,) for it in tokens], again=True)
        return await _asked(run, product, "gate", requests, 204)


async def _asked(run: Run, product: Product, name: str, requests: Requests, good: int = 200) -> Row:
    trials = [(await measure(product, requests, run.how, good))[0] for _ in range(run.size.trials)]
    return row_of(name, trials)
