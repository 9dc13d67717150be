"""How `fairgate up` is started for a browser."""

from __future__ import annotations

import subprocess
import threading

import pytest

READY_TIMEOUT_S = 90

AWAY = {  # other people's services: unreachable
    "FAIRGATE_OIDC_ISSUER": "http://127.0.0.1:9",
    "FAIRGATE_OIDC_CLIENT_ID": "fairgate",
    "FAIRGATE_CAPTCHA": "turnstile",
    "FAIRGATE_CAPTCHA_SITE_KEY": "0x4AAA",
    "FAIRGATE_CAPTCHA_SECRET": "of the tests",
    "FAIRGATE_CAPTCHA_URL": "http://127.0.0.1:9/siteverify",
}


def wait_until_ready(process: subprocess.Popen[str], url: str) -> None:
    """Read what `fairgate up` prints until it is ready at this address."""
    assert process.stdout is not None
    watchdog = threading.Timer(READY_TIMEOUT_S, process.kill)
    watchdog.start()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.strip() == f"ready {url}":
            break
    else:
        pytest.fail(f"fairgate up ended before it was ready:\n{''.join(lines)}")
    watchdog.cancel()
