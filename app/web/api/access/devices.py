"""The cookie of a device on which an account has signed in before."""

from __future__ import annotations

from itertools import islice

from app.accounts import accounts
from app.core.clock import now_ms
from app.core.tokens.devices import DEVICE_S
from app.web.http.cookies import cookie, cookies
from app.web.http.routes import Request

DEVICE_COOKIE = "fairgate_device_"  # + an identifier of the account, as several may sign in on one device
ACCOUNTS_MAX = 10  # checked per browser


def device_cookie(request: Request, account_id: str) -> tuple[bytes, bytes]:
    """Set-Cookie for the device on which this account has just signed in."""
    devices = request.app.devices
    name, token = DEVICE_COOKIE + devices.word(account_id), devices.sign(account_id, now_ms())
    return cookie(request, name, token, DEVICE_S, same_site="Strict")


async def device_of(request: Request, email: str) -> str:
    """The id of this device, if the e-mail's account has signed in on it with its current password; ""
    otherwise. Raises StoreUnavailable."""
    for token in islice(cookies(request, DEVICE_COOKIE).values(), ACCOUNTS_MAX):
        device = request.app.devices.read(token, now_ms())
        if device is not None and await accounts.is_device_of(request.app.stores, device, email):
            return device.device_id
    return ""
