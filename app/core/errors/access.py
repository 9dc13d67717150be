"""Refusals about the caller: credentials, roles, origins."""

from __future__ import annotations

from app.core.errors.base import Refusal


class CredentialMissing(Refusal):
    """No credential was sent."""

    status, code = 401, "credential_missing"


class CredentialInvalid(Refusal):
    """The credential is forged, expired or of the wrong kind."""

    status, code = 401, "credential_invalid"


class SecondFactorRequired(Refusal):
    """The password is correct, but a second factor is required."""

    status, code = 401, "second_factor_required"


class BookingTokenExpired(Refusal):
    """The booking token has expired."""

    status, code = 401, "booking_token_expired"


class WrongRoom(Refusal):
    """The credential belongs to another room."""

    status, code = 403, "wrong_room"


class RoleRequired(Refusal):
    """The account's role does not allow this."""

    status, code = 403, "role_required"


class ScopeRequired(Refusal):
    """The API key lacks the scope for this."""

    status, code = 403, "scope_required"


class EventNotAllowed(Refusal):
    """The API key is limited to other events."""

    status, code = 403, "event_not_allowed"


class WrongAccount(Refusal):
    """This belongs to an account with a different e-mail address."""

    status, code = 403, "wrong_account"


class ForeignOrigin(Refusal):
    """This request came from a page of another site; nothing was changed."""

    status, code = 403, "foreign_origin"


class AddressUnclear(Refusal):
    """The requested address can be read in more than one way."""

    status, code = 403, "address_unclear"
