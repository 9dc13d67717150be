"""The environment of a web process or worker of `fairgate up`: ours, plus what `up` has resolved."""

from __future__ import annotations

import os
from pathlib import Path

from app.runtime import log_files
from app.settings import Settings

GRACE_S = "1.2"  # Ctrl-C must end everything within 5 s; a worker takes this and one more second


def of(role: str, settings: Settings, data: Path, url: str) -> dict[str, str]:
    """The environment of a role; `url` is the installation's address, for links in e-mails."""
    environment = {
        **os.environ,
        "FAIRGATE_DATA": str(data),
        "FAIRGATE_SECRET": settings.secret.get_secret_value(),
        "FAIRGATE_DEMO": "on" if settings.demo else "off",
        "FAIRGATE_PAYMENTS": settings.gateway,
        "FAIRGATE_SIMULATE_PAYMENTS": "off",  # decided by the line above
        "FAIRGATE_PAYMENT_WEBHOOK_SECRET": settings.payment_webhook_secret.get_secret_value(),
        "FAIRGATE_REDIS_URL": settings.redis_url,
        "FAIRGATE_QUEUE_REDIS_URL": settings.queue_url,
        "FAIRGATE_DATABASE_URL": settings.database_url,
        "FAIRGATE_POSTGRES_STATEMENTS": str(settings.postgres_statements),
        "FAIRGATE_SHUTDOWN_DELAY_S": "0",  # the processes share a listening socket, which `up` keeps open
        "FAIRGATE_SHUTDOWN_GRACE_S": GRACE_S,
        "FAIRGATE_LOG_FILE": settings.log_file or str(data / log_files.FILES[role]),
    }
    for name in [it for it in environment if f"{it}_FILE" in environment]:
        del environment[f"{name}_FILE"]  # the content of the file is in the variable now
    if role == "worker" and not settings.public_url:
        environment["FAIRGATE_PUBLIC_URL"] = url
    return environment
