"""The error classes against the table in the contract."""

from __future__ import annotations

import pytest
from werkzeug.exceptions import MethodNotAllowed, NotFound, RequestEntityTooLarge

from app.core import errors
from app.core.errors import RateLimited, Refusal, ValidationFailed, all_refusals
from app.store.coalescer import CoalescerFull
from app.web.http.problems import problem_response, refusal_of

TABLE = {
    400: "malformed_json idempotency_key_required bad_header request_id_invalid",
    401: "credential_missing credential_invalid booking_token_expired second_factor_required",
    402: "payment_declined",
    403: "wrong_room role_required wrong_account session_ended removed foreign_origin scope_required "
    "event_not_allowed address_unclear members_only proof_refused proof_of_work_needed captcha_needed "
    "identity_needed",
    404: "not_found room_not_found event_not_found ticket_type_not_found reservation_not_found "
    "place_not_found codes_not_found log_not_begun",
    405: "method_not_allowed",
    409: "sold_out not_on_sale seat_taken companion_alone price_changed code_refused room_closed "
    "room_sold_out room_not_open "
    "payments_not_configured idempotency_key_reused conflict queueing_method_locked already_exists "
    "approval_needed member_elsewhere",
    410: "no_show session_expired left done removed hold_expired",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "validation_failed limit_exceeded",
    429: "rate_limited",
    500: "internal_error",
    503: "store_unavailable backlog_full restoring",
}


def test_the_tree_is_the_table() -> None:
    found: dict[int, set[str]] = {}
    for refusal in all_refusals():
        found.setdefault(refusal.status, set()).add(refusal.code)
    assert found == {status: set(codes.split()) for status, codes in TABLE.items()}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), "store_unavailable"),
        (ConnectionRefusedError(), "store_unavailable"),
        (CoalescerFull(), "backlog_full"),
        (NotFound(), "not_found"),
        (RequestEntityTooLarge(), "body_too_large"),
        (MethodNotAllowed(["GET"]), "method_not_allowed"),
        (errors.SoldOut(), "sold_out"),
        (ZeroDivisionError(), "internal_error"),
        (AssertionError(), "internal_error"),
    ],
)
def test_every_end_of_a_request_is_a_refusal(error: Exception, code: str) -> None:
    assert refusal_of(error).code == code


def test_a_problem_has_its_members_and_headers() -> None:
    response = problem_response(ValidationFailed("items[0].quantity", "is too large"))
    assert response.status == 422
    assert b'"errors":[{"field":"items[0].quantity","message":"is too large"}]' in bytes(response.body)  # type: ignore[arg-type]
    headers = dict(problem_response(RateLimited(3, policy="join", quota=600, window_s=60)).headers)
    assert headers[b"retry-after"] == b"3"
    assert headers[b"ratelimit-policy"] == b'"join";q=600;w=60'
    assert headers[b"ratelimit"] == b'"join";r=0;t=3'


def test_the_answer_of_an_earlier_call_is_marked() -> None:
    refusal: Refusal = errors.SoldOut()
    assert b"idempotent-replay" not in dict(problem_response(refusal).headers)
    refusal.replayed = True
    assert dict(problem_response(refusal).headers)[b"idempotent-replay"] == b"true"
