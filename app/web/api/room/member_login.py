"""Rooms for members: staff configure how proofs are verified; visitors join with one."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from app.core.account import Account, Author
from app.core.errors import NotFound, RoomNotFound, StoreUnavailable
from app.core.formats import NAME
from app.core.model import RoomId, Struct, VisitorId
from app.core.tokens.claims import PlaceClaims
from app.core.waiting_room.members import KEY_MAX, MemberLogin, ProofAlgorithm
from app.waiting_room import members, room_invites
from app.waiting_room.members import Member
from app.web.http.cache_control import NO_STORE
from app.web.http.cookies import WITHOUT_TOKEN
from app.web.http.routes import Request, Response, empty, endpoint, json_response
from app.web.http.staff_access import OPERATOR, author

TAG = "Staff: rooms"
AWAY = (StoreUnavailable,)


class MemberLoginChange(Struct, frozen=True):
    """The organiser's login. Without a `key`, HS256 keeps its secret or gets a new one."""

    algorithm: ProofAlgorithm
    key: Annotated[str, Meta(max_length=KEY_MAX)] = ""
    audience: Annotated[str, Meta(max_length=200, pattern=NAME)] = ""


class MemberLoginDocument(Struct, frozen=True):
    """The login, without a secret. `key`: public, or null."""

    algorithm: ProofAlgorithm
    audience: str
    key: str | None


class MemberLoginSecrets(MemberLoginDocument, frozen=True):
    """The same, with the secret if it was just generated: it is shown only once."""

    secret: str | None


@endpoint(
    "PUT",
    "/v1/rooms/{room_id}/member-login",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    body=MemberLoginChange,
    body_max=256 * 1024,  # a key of maximum length, with each character escaped
    answers={200: MemberLoginSecrets},
    errors=(RoomNotFound, *AWAY),
)
async def set_member_login(request: Request, account: Account, body: MemberLoginChange) -> Response:
    """Set how proofs of the organiser's login are verified; `members_only` is a setting of the room."""
    login, new_key = await save_login(request, author(request, account), body)
    shown = _document(login)
    document = MemberLoginSecrets(
        algorithm=shown.algorithm, audience=shown.audience, key=shown.key, secret=new_key or None
    )
    return json_response(200, document, [NO_STORE])


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/member-login",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:read",
    answers={200: MemberLoginDocument},
    errors=(RoomNotFound, NotFound, *AWAY),
)
async def read_member_login(request: Request, account: Account) -> Response:
    """Get how proofs are verified, without secrets."""
    await request.app.queues.loaded_rooms.read(_room_of(request))
    login = await members.login_of(request.app.member_logins, _room_of(request))
    if login is None:
        raise NotFound(members.NO_LOGIN)
    return json_response(200, _document(login))


@endpoint(
    "DELETE",
    "/v1/rooms/{room_id}/member-login",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    answers={204: None},
    errors=(RoomNotFound, NotFound, *AWAY),
)
async def delete_member_login(request: Request, account: Account) -> Response:
    """Stop accepting proofs; members who have joined keep their place."""
    await request.app.queues.loaded_rooms.read(_room_of(request))
    await members.remove_login(request.app.member_logins, _room_of(request), by=author(request, account))
    return empty()


async def save_login(request: Request, by: Author, change: MemberLoginChange) -> tuple[MemberLogin, str]:
    """Set the login; returns the secret if it was generated. Raises RoomNotFound, ValidationFailed
    (`key`)."""
    logins, room_id = request.app.member_logins, _room_of(request)
    await request.app.queues.loaded_rooms.read(room_id)
    key, new_key = change.key, ""
    if not key.strip():
        before = await members.login_of(logins, room_id)
        key = before.key if before and before.algorithm == change.algorithm else ""
        if not key and change.algorithm == "HS256":
            key = new_key = members.new_secret()
    login = MemberLogin(algorithm=change.algorithm, key=key, audience=change.audience)
    await members.set_login(logins, room_id, login, by=by)
    return login, new_key


async def proven(request: Request, proof: str) -> Member:
    """The member named by a proof. Raises ProofRefused, StoreUnavailable."""
    app, room_id = request.app, _room_of(request)
    login = await app.caches.member_logins.get(room_id, lambda: members.login_of(app.member_logins, room_id))
    return members.verify_proof(app.member_logins, room_id, login, proof)


async def enter_as_member(request: Request, proof: str, visitor_id: VisitorId | None) -> VisitorId:
    """The visitor of the proof's member, in the requesting browser or client.

    Raises ProofRefused, MemberElsewhere, RoomNotFound, Restoring, StoreUnavailable.
    """
    return await members.enter(
        request.app.queues, _room_of(request), await proven(request, proof), visitor_id
    )


async def member_of(
    request: Request, proof: str, invite: str | None, claims: PlaceClaims | None
) -> PlaceClaims:
    """The same, or the visitor of an invitation, as the claims of their place token."""
    before = claims.visitor_id if claims else None
    if invite is not None:
        visitor_id = await room_invites.accept(request.app.queues, _room_of(request), invite, before)
    else:
        visitor_id = await enter_as_member(request, proof, before)
    if claims and claims.visitor_id == visitor_id:
        return claims
    return PlaceClaims(
        room_id=_room_of(request), visitor_id=visitor_id, queue_number=None, epoch=WITHOUT_TOKEN
    )


def _document(login: MemberLogin) -> MemberLoginDocument:
    key = None if login.algorithm == "HS256" else login.key
    return MemberLoginDocument(algorithm=login.algorithm, audience=login.audience, key=key)


def _room_of(request: Request) -> RoomId:
    return RoomId(request.params["room_id"])
