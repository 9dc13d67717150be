"""Challenges for newcomers, in rooms that require a proof of work; ALTCHA's protocol, version 1."""

from __future__ import annotations

import time
from typing import Annotated

from msgspec import Meta

from app.core.errors import NotFound, ProofOfWorkNeeded, Restoring, RoomNotFound, StoreUnavailable
from app.core.formats import BASE64
from app.core.model import RoomId
from app.core.tokens.proof_of_work import SOLUTION_MAX, Challenge
from app.store.away import stores_answer
from app.waiting_room import newcomers
from app.web.http.cache_control import NO_STORE
from app.web.http.credentials import network_of
from app.web.http.routes import Request, Response, endpoint, json_response

Solution = Annotated[str, Meta(min_length=1, max_length=SOLUTION_MAX, pattern=BASE64)]


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/challenge",
    tag="Waiting room",
    answers={200: Challenge},
    errors=(NotFound, RoomNotFound, Restoring, StoreUnavailable),
)
async def challenge(request: Request) -> Response:
    """Get a challenge to join with, in a room that requires a proof of work.

    Find the number, at most `maxnumber`, whose SHA-256 together with `salt` is `challenge`, and send ALTCHA's
    payload as `proof_of_work` with the join, once and within five minutes.

    ALTCHA's widget and solvers accept it as it is. 404 if the room requires no proof of work.
    """
    room_id = RoomId(request.params["room_id"])
    network = network_of(request, room_id)
    with stores_answer():
        cost = await newcomers.work_needed(request.app.queues, room_id, network)
    if not cost:
        raise NotFound("This room requires no proof of work.")
    return json_response(200, _challenge(request, room_id, network, cost), [NO_STORE])


def with_challenge(
    request: Request, room_id: RoomId, network: str, refusal: ProofOfWorkNeeded
) -> ProofOfWorkNeeded:
    """The refusal, with the challenge to solve."""
    challenge = _challenge(request, room_id, network, int(refusal.members["cost"]))
    return ProofOfWorkNeeded(challenge=challenge)


def _challenge(request: Request, room_id: RoomId, network: str, cost: int) -> Challenge:
    return request.app.places.work.challenge(room_id, network, cost, int(time.time()))
