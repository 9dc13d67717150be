"""Members, and newcomers with a confirmed mailbox: each has one place, whichever browser is faster."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.accounts.invitations import InvitationSigner
from app.core.errors import Conflict, MemberElsewhere, NotFound, ProofRefused, RoomNotFound
from app.core.gate.knownuser import Sealer
from app.core.lanes import Lane
from app.core.model import Place, Room, VisitorId
from app.core.tokens.place_tokens import PlaceSigner, new_member_id, new_visitor_id
from app.core.waiting_room.members import MemberLogin, is_member
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.waiting_room.identities import ShownIdentity
from app.waiting_room import control, identities, members, room_invites
from app.waiting_room.joining import Joiner
from app.waiting_room.members import Member, MemberLogins
from app.waiting_room.queue import Queues, claim, join, open_queues, place
from tests.support.builders import ROOM, STAFF, a_stored_room, token
from tests.support.races import just_before

SECRET = b"only for these tests"
SIGNER, LINKS = PlaceSigner(SECRET), InvitationSigner(SECRET)
ANN = Member(b"ann")
MAILBOX = ShownIdentity(b"mailbox of ann", "email")


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    return open_queues(stores, Settings(rate_limits=False))


async def an_open_room(queues: Queues, **settings: Any) -> Room:
    """A room that calls nobody unless asked to."""
    await a_stored_room(queues.stores, **({"admission_rate_per_minute": 0} | settings))
    await control.set_state(queues, ROOM, "open", by=STAFF)
    return await queues.loaded_rooms.get(ROOM)


async def joined(queues: Queues, visitor_id: VisitorId) -> Place:
    return (await join(queues, ROOM, Joiner(visitor_id)))[0]


async def state_of(queues: Queues, found: Place) -> str:
    claims = token(found.visitor_id, found.token_number)
    return (await place(queues, ROOM, claims))[0].state


async def test_a_member_who_has_not_joined_yet_is_bound_to_the_last_browser(queues: Queues) -> None:
    await an_open_room(queues)
    first = await members.enter(queues, ROOM, ANN, None)
    assert is_member(first)
    assert await members.enter(queues, ROOM, ANN, first) == first
    second = await members.enter(queues, ROOM, ANN, None)
    assert second != first
    bound = "SELECT array_agg(visitor_id) FROM members"
    assert await queues.stores.postgres.fetchval(bound) == [second]


async def test_of_two_browsers_the_member_uses_at_once_one_gets_the_place(queues: Queues) -> None:
    await an_open_room(queues)
    found = await joined(queues, await members.enter(queues, ROOM, ANN, None))
    third = new_member_id()
    entering = members.enter(queues, ROOM, ANN, None)
    async with just_before(queues.stores, entering, "removed_visitors") as (faster, slower):
        await faster.execute("UPDATE members SET visitor_id = $1", third)
    with pytest.raises(MemberElsewhere):
        await slower
    assert await queues.stores.postgres.fetchval("SELECT visitor_id FROM members") == third
    assert await state_of(queues, found) == "left"


async def test_a_member_inside_stays_there_whatever_lane_their_proof_names(queues: Queues) -> None:
    await an_open_room(queues, admission_rate_per_minute=600, lanes=[Lane(name="Friends", share=30)])
    known = await members.enter(queues, ROOM, ANN, None)
    found = await joined(queues, known)
    await claim(queues, ROOM, token(known, found.token_number))
    friend = Member(ANN.key, "Friends")
    assert await members.enter(queues, ROOM, friend, known) == known
    assert await state_of(queues, found) == "active"
    with pytest.raises(MemberElsewhere):
        await members.enter(queues, ROOM, friend, None)
    with pytest.raises(ProofRefused):
        await members.enter(queues, ROOM, Member(ANN.key, "Strangers"), known)


async def test_a_room_that_is_gone_has_no_members_logins_or_invitations(queues: Queues) -> None:
    stores = queues.stores
    logins = MemberLogins(stores, Sealer(SECRET, "member logins"), SIGNER)
    room = await an_open_room(queues)
    await stores.postgres.execute("DELETE FROM rooms")
    with pytest.raises(RoomNotFound):
        await members.enter(queues, ROOM, ANN, None)
    with pytest.raises(RoomNotFound):
        await members.set_login(logins, ROOM, MemberLogin("HS256", "k" * 32), by=STAFF)
    with pytest.raises(NotFound):
        await members.remove_login(logins, ROOM, by=STAFF)
    with pytest.raises(RoomNotFound):
        await room_invites.invite(stores, SIGNER, LINKS, ROOM, ["ann@example.org"], by=STAFF)
    with pytest.raises(RoomNotFound):
        await identities.enter(queues, room, MAILBOX, new_visitor_id())
    assert await stores.postgres.fetchval("SELECT count(*) FROM audit WHERE action <> 'open'") == 0


async def an_invitation(queues: Queues) -> str:
    """The token of an invitation's link."""
    assert await room_invites.invite(queues.stores, SIGNER, LINKS, ROOM, ["ann@example.org"], by=STAFF) == 1
    invite_id: str = await queues.stores.postgres.fetchval("SELECT invite_id FROM room_invites")
    return LINKS.room_token(invite_id)


async def test_an_invitation_is_for_one_browser_and_its_link_is_exact(queues: Queues) -> None:
    await an_open_room(queues)
    link = await an_invitation(queues)
    for wrong in ("", "x" * (room_invites.TOKEN_MAX + 1), link[:-1]):
        assert not await room_invites.is_good(queues.stores, ROOM, wrong)
        with pytest.raises(ProofRefused):
            await room_invites.accept(queues, ROOM, wrong, None)
    ann = await room_invites.accept(queues, ROOM, link, None)
    assert await room_invites.accept(queues, ROOM, link, ann) == ann
    with pytest.raises(MemberElsewhere):
        await room_invites.accept(queues, ROOM, link, None)


async def test_an_invitation_of_a_room_that_is_being_deleted_gives_no_place(queues: Queues) -> None:
    await an_open_room(queues)
    link = await an_invitation(queues)
    async with just_before(queues.stores, room_invites.accept(queues, ROOM, link, None), "members") as (
        other,
        late,
    ):
        await other.execute("DELETE FROM rooms")
    with pytest.raises(RoomNotFound):
        await late


async def test_invitations_have_a_limit_and_only_real_ones_are_sent_again(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = queues.stores
    await an_open_room(queues)
    monkeypatch.setattr(room_invites, "INVITES_MAX", 2)
    three = [f"{it}@example.org" for it in ("ann", "bob", "cid")]
    with pytest.raises(Conflict, match="at most 2"):
        await room_invites.invite(stores, SIGNER, LINKS, ROOM, three, by=STAFF)
    with pytest.raises(NotFound):
        await room_invites.send_again(stores, ROOM, "none", by=STAFF)
    for table in ("room_invites", "mails"):
        assert await stores.postgres.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await room_invites.invite(stores, SIGNER, LINKS, ROOM, three[:2], by=STAFF) == 2
    assert await room_invites.invite(stores, SIGNER, LINKS, ROOM, three[:2], by=STAFF) == 0


async def test_a_mailbox_whose_visitor_was_removed_stays_with_them(queues: Queues) -> None:
    room = await an_open_room(queues)
    first, second = new_visitor_id(), new_visitor_id()
    await identities.enter(queues, room, MAILBOX, first)
    await identities.enter(queues, room, MAILBOX, first)  # shown again
    await joined(queues, first)
    with pytest.raises(MemberElsewhere, match="has a place"):
        await identities.enter(queues, room, MAILBOX, second, moves=False)
    await control.remove(queues, ROOM, first, by=STAFF)
    with pytest.raises(MemberElsewhere, match="is inside"):
        await identities.enter(queues, room, MAILBOX, second)
    assert await queues.stores.postgres.fetchval("SELECT visitor_id FROM identities") == first


@pytest.mark.parametrize("faster", [False, True])
async def test_of_two_browsers_that_show_a_mailbox_at_once_one_is_bound_to_it(
    queues: Queues, faster: bool
) -> None:
    """`faster`: a third browser shows it meanwhile; otherwise this browser's own earlier request does."""
    room = await an_open_room(queues)
    first, second, third = (new_visitor_id() for _ in range(3))
    await identities.enter(queues, room, MAILBOX, first)
    bound = third if faster else second
    call = identities.enter(queues, room, MAILBOX, second)
    async with just_before(queues.stores, call, "removed_visitors") as (other, entering):
        await other.execute("UPDATE identities SET visitor_id = $1", bound)
    if faster:
        with pytest.raises(MemberElsewhere, match="another browser"):
            await entering
    else:
        await entering
    assert await queues.stores.postgres.fetchval("SELECT visitor_id FROM identities") == bound
