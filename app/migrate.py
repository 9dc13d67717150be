"""Database migrations, by Alembic: plain SQL up and down, one file a change."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

import migrations


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


def up(database_url: str) -> None:
    """Bring the database to the newest revision; running it again changes nothing."""
    command.upgrade(_config(database_url), "head")


def down(database_url: str) -> None:
    """Take the newest revision back."""
    command.downgrade(_config(database_url), "-1")


def new(name: str) -> Path:
    """Write an empty migration and return its path; its number follows the newest one."""
    config = _config("")
    folder = Path(migrations.__file__).parent / "versions"
    number = 1 + max((int(path.name[:4]) for path in folder.glob("[0-9][0-9][0-9][0-9]_*.py")), default=0)
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    script = command.revision(config, message=name, rev_id=f"{number:04}")
    assert script is not None
    assert not isinstance(script, list)
    return Path(script.path)
