"""`fairgate api-key`, as used by an operator without the console."""

from __future__ import annotations

from app.settings import Settings
from app.store.connections import Stores
from tests.platform.outside import fairgate
from tests.platform.test_admin import addresses, web
from tests.routes.conftest import Web, bearer, code, settings

__all__ = ["addresses", "settings", "web"]


async def test_a_key_is_made_listed_and_revoked(
    web: Web, stores: Stores, settings: Settings, addresses: dict[str, str]
) -> None:
    await web.event("gala")
    await web.event("matinee")
    environment = addresses | {"FAIRGATE_SECRET": settings.secret.get_secret_value()}
    limits = ("--scope", "rooms:read", "--event", "gala", "--network", "127.0.0.0/8", "--until", "2035-01-01")
    made = await fairgate("api-key", "create", "--name", "Till 7", *limits, **environment)
    assert made.code == 0, made.err
    key = bearer(made.out.strip())
    assert (await web.get("/v1/rooms/gala/settings", headers=key)).status_code == 200
    assert code(await web.get("/v1/rooms/matinee/settings", headers=key)) == (403, "event_not_allowed")
    assert code(await web.get("/v1/audit", headers=key)) == (403, "scope_required")
    listed = await fairgate("api-key", "list", **environment)
    row = listed.out.splitlines()[1]
    for word in ("live", "operator", "Till 7", "rooms:read", "gala", "127.0.0.0/8", "2035-01-01T00:00:00Z"):
        assert word in row
    assert made.out.strip() not in listed.out
    revoked = await fairgate("api-key", "revoke", row.split()[0], **environment)
    assert revoked.code == 0, revoked.err
    assert code(await web.get("/v1/rooms/gala/settings", headers=key)) == (401, "credential_invalid")
    assert "revoked" in (await fairgate("api-key", "list", **environment)).out
    for wrong, message, exit_code in (
        (("--scope", "everything"), "--scope is one of", 2),
        (("--event", "none"), "there is no event none", 1),
        (("--network", "here"), "must be a network", 1),
    ):
        refused = await fairgate("api-key", "create", "--name", "x", *wrong, **environment)
        assert (refused.code, len(refused.err.splitlines())) == (exit_code, 1), refused.err
        assert message in refused.err
