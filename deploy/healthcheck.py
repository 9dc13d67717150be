"""Checks the health of the process in this container, for the image's HEALTHCHECK: exit code 0 or 1.

A web process has to serve. A worker must also find its stores and loops in order, because nobody else would
notice. Anything else (`migrate`, a shell) is healthy while it runs.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

TIMEOUT_S = 4.0
PORT = "8080"  # of `fairgate web`
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def address(arguments: list[str]) -> str | None:
    """Return the URL that checks the process with this command line, or None if there is none."""
    role = next((it for it in arguments if it in ("web", "worker")), None)
    options = dict(pairwise(arguments))
    path = "/readyz" if role == "worker" else "/livez"
    if role and "--ops-port" in options:
        host = options.get("--ops-host", "127.0.0.1")
        return f"http://{ANY_ADDRESS.get(host, host)}:{options['--ops-port']}{path}"
    return f"http://127.0.0.1:{options.get('--port', PORT)}{path}" if role == "web" else None


def main() -> int:
    """Check the container's first process, or the one that Docker's init runs."""
    asked = address(Path("/proc/1/cmdline").read_text().split("\0"))
    if asked is None:
        return 0
    try:
        with urlopen(asked, timeout=TIMEOUT_S):
            return 0
    except (URLError, TimeoutError) as error:
        print(f"{asked}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
