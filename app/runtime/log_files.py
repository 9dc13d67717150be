"""The logs that `fairgate up` writes in its data folder: their paths, and their rotation."""

from __future__ import annotations

import os
from pathlib import Path

FILES = {  # by role, below the data folder
    "web": "logs/web.log",
    "worker": "logs/worker.log",
    "valkey": "valkey/valkey.log",
    "postgres": "postgres/postgres.log",
}
OURS = (
    "web",
    "worker",
)  # these reopen a renamed file; stores keep writing to the old one
SIZE_MAX = 20 * 1024 * 1024


def prepare(data: Path) -> None:
    """Create the folder of our own logs, readable by us alone: lines contain ids of rooms and
    reservations."""
    (data / "logs").mkdir(mode=0o700, exist_ok=True)


def rotate(data: Path) -> None:
    """Rename logs that have become too large, replacing the previous ones."""
    for path in (data / FILES[role] for role in OURS):
        try:
            if path.stat().st_size > SIZE_MAX:
                os.replace(path, path.with_suffix(".log.1"))
        except FileNotFoundError:
            continue
