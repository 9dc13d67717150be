"""axe-core: fetched once from the npm registry, verified by its digest, cached in `artefacts/`."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import ssl
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Page

VERSION = "4.10.3"
TARBALL = f"https://registry.npmjs.org/axe-core/-/axe-core-{VERSION}.tgz"
INTEGRITY = "sha512-Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg=="
KEPT = Path(__file__).parents[2] / "artefacts" / f"axe-core-{VERSION}.tgz"
BYTES_MAX = 20_000_000
TIMEOUT_S = 60


@cache
def source() -> str:
    """axe-core as one script. Anything with another digest is neither cached nor run."""
    packed = KEPT.read_bytes() if KEPT.exists() else b""
    if _digest(packed) != INTEGRITY:
        packed = _fetched()
        assert len(packed) < BYTES_MAX
        assert _digest(packed) == INTEGRITY, f"{TARBALL} is not what it was"
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        unfinished = KEPT.with_suffix(f".{os.getpid()}")  # each of two test processes has its own
        unfinished.write_bytes(packed)
        unfinished.replace(KEPT)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        file = archive.extractfile("package/axe.min.js")
        assert file is not None
        return file.read().decode()


def _fetched() -> bytes:
    trusted = ssl.create_default_context()  # the system's authorities: a network may have added its own
    transport = httpx.HTTPTransport(verify=trusted, retries=3)
    with httpx.Client(transport=transport, timeout=TIMEOUT_S, follow_redirects=True) as client:
        return client.get(TARBALL).raise_for_status().content


def _digest(packed: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(packed).digest()).decode()}"


# Rules that depend on the colours; everything else looks the same to axe in either colour scheme.
COLOURS = "{type: 'rule', values: ['color-contrast', 'link-in-text-block']}"  # those of AA, as in a full run


async def violations(page: Page, only: str = "") -> list[str]:
    """What axe finds on the page as it is: a line for each rule with the elements that break it."""
    if not await page.evaluate("'axe' in window"):
        await _load(page)
    run_only = f", runOnly: {only}" if only else ""
    found: list[dict[str, Any]] = await page.evaluate(
        f"axe.run(document, {{resultTypes: ['violations']{run_only}}}).then((it) => it.violations)"
    )
    return [
        f"{it['id']} ({it['impact']}): {it['help']}: " + "; ".join(node["html"][:200] for node in it["nodes"])
        for it in found
    ]


async def _load(page: Page) -> None:
    """Run axe's script: not as an element, which our Content-Security-Policy would refuse, nor as text for
    `page.evaluate`, which Chromium compiles anew for each document."""
    devtools = await page.context.new_cdp_session(page)
    answer = await devtools.send("Runtime.evaluate", {"expression": source()})
    assert "exceptionDetails" not in answer, answer
    await devtools.detach()
