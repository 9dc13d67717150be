"""HTTP clients of tests."""

from __future__ import annotations

from typing import Any

import httpx


def plain_client(url: str = "", *, timeout: float, **options: Any) -> httpx.AsyncClient:
    """A client for `http://` only: loading the authorities for `https://` takes 30 ms of CPU each time."""
    return httpx.AsyncClient(base_url=url, timeout=timeout, verify=False, trust_env=False, **options)
