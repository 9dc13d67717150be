"""migrate --phase | --check, up | down | new NAME: the database schema. No other command imports Alembic,
which is slow."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import typer

from app.commands.command_settings import CommandFailed, Data, settings_of

app = typer.Typer(
    help="Upgrade the database schema, undo a step, or create a new migration.",
    rich_markup_mode=None,
    invoke_without_command=True,
)

Phases = Literal["before", "after", "all"]


def _database_url(data: Data) -> str:
    settings = settings_of(data)
    if not settings.database_url:
        raise CommandFailed(
            f"nothing runs in {settings.data}: start `fairgate up`, give its folder with --data, "
            "or set DATABASE_URL"
        )
    return settings.database_url


@app.callback()
def phases(
    context: typer.Context,
    *,
    phase: Annotated[
        Phases | None,
        typer.Option(
            help="before: changes that processes of the previous release can run with. after: the rest, once "
            "they have stopped. all: both."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 if migrations are pending.")
    ] = False,
    data: Data = None,
) -> None:
    """Upgrade the database schema, undo a step, or create a new migration."""
    from app.runtime import migrate, schema

    if context.invoked_subcommand:
        if phase or check:
            raise typer.BadParameter(
                f"not together with `{context.invoked_subcommand}`", param_hint="--phase, --check"
            )
        return
    if not phase and not check:
        raise typer.BadParameter("say which migrations: before, after or all", param_hint="--phase")
    chosen = [it for it in migrate.PHASES if phase in (it, "all", None)]
    if not check:
        migrate.up(_database_url(data), chosen)
        return
    applied = asyncio.run(schema.applied(_database_url(data)))
    states = [it for it in migrate.states(applied) if it.phase in chosen]
    for it in states:
        text = f"to be run: {', '.join(it.pending)}" if it.pending else f"up to date, {it.there}"
        print(f"{it.phase}: {text}")
    if any(it.pending for it in states):
        raise typer.Exit(1)


@app.command()
def up(*, data: Data = None) -> None:
    """Run all migrations of both phases; no process of the previous release may be running."""
    from app.runtime import migrate

    migrate.up(_database_url(data))


@app.command()
def down(*, data: Data = None) -> None:
    """Undo the newest migration, with the data in the tables it created."""
    from app.runtime import migrate

    migrate.down(_database_url(data))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What it changes, in a few words.")],
    *,
    phase: Annotated[
        Literal["before", "after"], typer.Option(help="after: what the previous release cannot run with.")
    ] = "before",
) -> None:
    """Create an empty migration and print its path."""
    from app.runtime import migrate

    print(migrate.new(name, phase))
