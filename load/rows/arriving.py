"""The rows of what a crowd requests besides places: the queue page and our files."""

from __future__ import annotations

from app.web.http.assets import load_assets
from load.measure import crowd
from load.measure.figures import Row, row_of
from load.measure.trials import Run, run_trials
from load.measure.wrk import Requests

BROWSER = {"Accept": "text/html", "Accept-Encoding": "gzip", "Accept-Language": "en"}


async def pages(run: Run) -> Row:
    """Newcomers open the queue page of a room in which people wait."""
    async with run.product() as product:
        sale = await crowd.open_sale(product, "pages")
        requests = Requests("GET", f"/rooms/{sale.room_id}", BROWSER)
        return row_of("page", await run_trials(run, product, requests, 200))


async def files(run: Run) -> Row:
    """A script of the queue page, as a browser requests it."""
    async with run.product() as product:
        requests = Requests("GET", load_assets().url("queue.js"), BROWSER)
        return row_of("file", await run_trials(run, product, requests, 200))
