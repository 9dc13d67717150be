"""Access and discount codes of an event. Written to Postgres first, then to the room in Redis."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import msgspec

from app import audit
from app.audit import Entity
from app.catalogue.events import transaction
from app.core.account import Author
from app.core.catalogue import codes as rules
from app.core.catalogue.codes import CODES_MAX, SETS_MAX, CodeSet, CodeUse, NewCodes
from app.core.clock import now_ms
from app.core.errors import AlreadyExists, CodeSetNotFound, Conflict, EventNotFound
from app.core.jobs import JobRequest
from app.core.model import Event, EventId
from app.reservations import holds
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.scripts.stock import RoomNotReady
from app.store.sql.catalogue import codes, events
from app.store.sql.jobs import jobs


async def create(stores: Stores, event_id: EventId, new: NewCodes, *, by: Author) -> CodeSet:
    """Create one code, or a batch of unguessable codes; 50,000 take about a second.

    Raises EventNotFound, ValidationFailed naming the field, AlreadyExists if the code exists, Conflict if
    there are too many.
    """
    async with transaction(stores) as connection:
        event, code_set = await _new_set(connection, event_id, new, by)
        if new.code:
            if not await codes.insert_codes(connection, event_id, code_set, [new.code.upper()]):
                raise AlreadyExists(f"The code {new.code.upper()} already exists.")
        else:
            created = 0
            while created < new.count:
                more = rules.random_codes(new.count - created, new.prefix)
                created += len(await codes.insert_codes(connection, event_id, code_set, more))
    await _load_set(stores, event, code_set.set_id)
    return msgspec.structs.replace(code_set, made=new.count, example=new.code.upper() if new.code else "")


async def begin(stores: Stores, event_id: EventId, new: NewCodes, *, by: Author) -> tuple[CodeSet, str]:
    """Create a set whose codes a job generates in batches; returns the set, and the job, which must be
    queued.

    Raises as `create`, and Conflict while another set of the event is being generated.
    """
    job_id = str(uuid4())
    async with transaction(stores) as connection:
        _, code_set = await _new_set(connection, event_id, new, by)
        request = JobRequest(event_id=event_id, ids=[code_set.set_id])
        if not await jobs.insert(connection, job_id, "make_codes", request, by.subject, by.role):
            raise Conflict(
                "Codes of this event are being created, or too many jobs are running. Try again soon."
            )
    return code_set, job_id


async def _new_set(
    connection: Connection, event_id: EventId, new: NewCodes, by: Author
) -> tuple[Event, CodeSet]:
    """Insert a set without codes, if the event may have another one."""
    terms = {name: getattr(new, name) for name in CodeSet.__struct_fields__ if hasattr(new, name)}
    code_set = CodeSet(set_id=secrets.token_hex(6), active=True, wanted=new.count, **terms)
    event = await events.lock_event(connection, event_id, selling=True)
    if event is None:
        raise EventNotFound
    types = await events.select_ticket_types(connection, event_id)
    rules.check(new, {each.ticket_type_id for each in types})
    sets, existing = await codes.count(connection, event_id)
    if sets >= SETS_MAX or existing + new.count > CODES_MAX:
        raise Conflict(f"An event has at most {CODES_MAX:,} codes, in {SETS_MAX} sets.")
    await codes.insert_set(connection, event_id, code_set, wanted=new.count, prefix=new.prefix.upper())
    after = msgspec.structs.asdict(code_set) | {"count": new.count}
    await audit.record(connection, by, "create", _entity(event_id, code_set.set_id), after=after)
    return event, code_set


async def switch_set(stores: Stores, event_id: EventId, set_id: str, active: bool, *, by: Author) -> CodeSet:
    """Switch a whole set off or on; orders that used it stay. Raises CodeSetNotFound."""
    async with transaction(stores) as connection:
        event = await events.lock_event(connection, event_id, selling=True)
        was = await codes.switch_set(connection, event_id, set_id, active)
        if event is None or was is None:
            raise CodeSetNotFound
        fields = {"before": {"active": was}, "after": {"active": active}}
        await audit.record(connection, by, "change", _entity(event_id, set_id), **fields)
    await _load_set(stores, event, set_id)
    return await read_set(stores, event_id, set_id)


async def switch_code(
    stores: Stores, event_id: EventId, set_id: str, code: str, active: bool, *, by: Author
) -> None:
    """Switch one code of a set off or on. Raises CodeSetNotFound."""
    async with transaction(stores) as connection:
        event = await events.lock_event(connection, event_id, selling=True)
        was = await codes.switch_code(connection, event_id, set_id, code, active)
        if event is None or was is None:
            raise CodeSetNotFound
        fields = {"before": {"active": was}, "after": {"active": active}}
        await audit.record(connection, by, "change", _entity(event_id, f"{set_id}/{code}"), **fields)
    await _load_set(stores, event, set_id)


async def sets(stores: Stores, event_id: EventId) -> list[CodeSet]:
    """The sets of an event, newest first."""
    with stores_answer():
        return await codes.select_sets(stores.postgres, event_id)


async def read_set(stores: Stores, event_id: EventId, set_id: str) -> CodeSet:
    """One set. Raises CodeSetNotFound."""
    with stores_answer():
        sets = await codes.select_sets(stores.postgres, event_id, set_id)
    if not sets:
        raise CodeSetNotFound
    return sets[0]


async def codes_page(
    stores: Stores, event_id: EventId, set_id: str, *, text: str = "", limit: int, offset: int
) -> tuple[list[CodeUse], int]:
    """A page of a set's codes, and how many there are."""
    with stores_answer():
        return await codes.select_codes(
            stores.postgres, event_id, set_id, text=text.strip().upper(), limit=limit, offset=offset
        )


async def all_codes(stores: Stores, event_id: EventId, set_id: str) -> AsyncIterator[CodeUse]:
    """Every code of a set, in order."""
    after = ""
    while part := await codes.codes_after(stores.postgres, event_id, set_id, after):
        for it in part:
            yield it
        after = part[-1].code


async def has_codes(stores: Stores, event_id: EventId) -> bool:
    """Whether the event has any codes."""
    with stores_answer():
        return await codes.exists(stores.postgres, event_id)


async def offer(stores: Stores, event_id: EventId, code: str) -> tuple[CodeSet | None, str]:
    """The set of a code, and why the code cannot be used now: a `Reason`, or "" if it can."""
    with stores_answer():
        match = await codes.find(stores.postgres, event_id, code.strip().upper())
    if match is None:
        return None, "unknown"
    reason = rules.problem(*match, now_ms())
    return (None if reason else match[0]), reason


async def _load_set(stores: Stores, event: Event, set_id: str) -> None:
    """Load a set and its codes into Redis. A room that is not loaded will load them itself."""
    with stores_answer(), suppress(RoomNotReady):
        await holds.load_codes(stores, event.room_id, event.event_id, set_id)


def _entity(event_id: EventId, name: str) -> Entity:
    return Entity("codes", f"{event_id}/{name}")
