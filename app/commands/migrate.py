"""migrate up | down | new NAME: the database schema. Alembic loads slowly, so nothing else loads it."""

from __future__ import annotations

from typing import Annotated

import typer

from app.commands.settled import CommandFailed, Data, settings_of

app = typer.Typer(
    help="Bring the database schema up, take a step back, or begin a new migration.", rich_markup_mode=None
)


def _database_url(data: Data) -> str:
    settings = settings_of(data)
    if not settings.database_url:
        raise CommandFailed(
            f"nothing runs in {settings.data}: start `fairgate up`, give its folder with --data, "
            "or set DATABASE_URL"
        )
    return settings.database_url


@app.command()
def up(*, data: Data = None) -> None:
    """Bring the database to the newest revision."""
    from app.runtime import migrate

    migrate.up(_database_url(data))


@app.command()
def down(*, data: Data = None) -> None:
    """Undo the newest migration, with the data in the tables it created."""
    from app.runtime import migrate

    migrate.down(_database_url(data))


@app.command()
def new(name: Annotated[str, typer.Argument(help="What it changes, in a few words.")]) -> None:
    """Create an empty migration and print its path."""
    from app.runtime import migrate

    print(migrate.new(name))
