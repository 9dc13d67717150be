"""event import FILE: put an event on sale from a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.catalogue import event_import
from app.commands import event_file
from app.commands.command_settings import CommandFailed, Data, on_stores
from app.core.account import COMMAND_LINE
from app.core.catalogue.seat_numbering import seats_in
from app.core.catalogue.seating import Section
from app.core.model import Event
from app.settings import Settings
from app.store.connections import Stores

MANY_SEATS = 5_000  # from here on it takes long enough to show progress

app = typer.Typer(help="Events and what is on sale for them.", rich_markup_mode=None)


@app.callback()
def _event() -> None:
    """Keeps `import` a subcommand while it is the only one."""


@app.command("import")
def import_event(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML, or JSON in a file named .json.")],
    *,
    data: Data = None,
) -> None:
    """Create an event with everything it sells, or update it from the file; lists all errors in the file.

    Anything the file does not mention stays as it is.
    """
    try:
        definition, source = event_file.load(file)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}") from None
    except event_file.InvalidFile as error:
        if len(error.faults) > 1:
            print("\n".join(f"{file}, {fault}" for fault in error.faults))
        raise

    total = sum(seats_in(it) for it in definition.sections)
    seats_written = 0

    def show_progress(section: Section) -> None:
        nonlocal seats_written
        seats_written += section.total
        if total >= MANY_SEATS:
            print(f"seats: {seats_written:,} of {total:,}", file=sys.stderr)

    async def write(stores: Stores, _settings: Settings) -> tuple[Event, bool]:
        return await event_import.import_event(
            stores, definition, show_progress, source=source, by=COMMAND_LINE
        )

    event, created = on_stores(data, write)
    done = "created" if created else "updated from the file"
    print(f"event {event.event_id} {done}; its room is {event.room_id}")
