"""Refusals common to all calls: malformed requests, and requests we cannot answer now."""

from __future__ import annotations

from app.core.errors.base import Refusal, Retryable


class MalformedJson(Refusal):
    """The body is not JSON."""

    status, code = 400, "malformed_json"


class IdempotencyKeyRequired(Refusal):
    """This call needs an Idempotency-Key header."""

    status, code = 400, "idempotency_key_required"


class BadHeader(Refusal):
    """A header has an invalid value."""

    status, code = 400, "bad_header"


class NotFound(Refusal):
    """There is nothing at this address."""

    status, code = 404, "not_found"


class MethodNotAllowed(Refusal):
    """This address does not support that method."""

    status, code = 405, "method_not_allowed"

    def __init__(self, allow: str) -> None:
        super().__init__(f"Use one of: {allow}.")
        self.allow = allow


class BodyTooLarge(Refusal):
    """The body is larger than this address accepts."""

    status, code = 413, "body_too_large"


class UnsupportedMediaType(Refusal):
    """The body must be application/json."""

    status, code = 415, "unsupported_media_type"


class Conflict(Refusal):
    """This is not possible in the current state."""

    status, code = 409, "conflict"


class IdempotencyKeyReused(Conflict):
    """This Idempotency-Key was already used with another body."""

    code = "idempotency_key_reused"


class AlreadyExists(Conflict):
    """Something with this id already exists."""

    code = "already_exists"


class ApprovalNeeded(Conflict):
    """A refund of this size must be confirmed by a second person."""

    status, code = 409, "approval_needed"


class ValidationFailed(Refusal):
    """A field of the request is invalid."""

    status, code = 422, "validation_failed"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}", errors=[{"field": field, "message": message}])


class RateLimited(Retryable):
    """Too many requests; slow down."""

    status, code = 429, "rate_limited"

    def __init__(self, retry_after_s: int, *, policy: str, quota: int, window_s: int) -> None:
        super().__init__(f"Try again in {retry_after_s} s.", retry_after_s)
        self.policy, self.quota, self.window_s = policy, quota, window_s


class StoreUnavailable(Retryable):
    """A store is unavailable; nothing was changed."""

    status, code = 503, "store_unavailable"


class InternalError(Refusal):
    """Something went wrong on our side; it has been logged."""

    status, code = 500, "internal_error"
