"""Two installations for all chaos tests: each test has its own sale, and what it breaks recovers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.chaos.site import Site, a_site


@pytest.fixture(scope="package")
async def pair() -> AsyncIterator[Site]:
    """Two web processes on Hypercorn and two workers."""
    async with a_site("--web", "2", "--workers", "2") as site:
        yield site


@pytest.fixture(scope="package")
async def lone() -> AsyncIterator[Site]:
    """One web process on Granian and one worker."""
    async with a_site("--server", "granian") as site:
        yield site


@pytest.fixture(params=["pair", "lone"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each of the two: what holds on Hypercorn holds on Granian."""
    found: Site = request.getfixturevalue(request.param)
    return found
