"""The KnownUser v3 formats: tokens for a shop's connector, its configuration, and the tokens it sends us. No
I/O.

They are what published connectors read and write. We never trust them for our own purposes: a shop with its
own gate in front gets passes, which are JWTs.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import uuid
from binascii import Error as NotBase64
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7
from msgspec import Meta

from app.core.base64url import from_base64url, to_base64url
from app.core.errors import CredentialInvalid
from app.core.formats import CUSTOMER, DOMAIN, NAME
from app.core.model import RoomId, Struct, VisitorId
from app.core.visitor_ids import NETWORK_BYTES, NETWORK_CHARS

TOKEN = "queueittoken"  # the query parameter
TOKEN_TTL_S = 180
SECRET_LENGTH = 72
ENQUEUE_TOKEN_MAX = 4096
ENQUEUE_EXP_MAX_MS = 24 * 3_600_000  # token ids are remembered for this long
ENQUEUE_TTL_MS = 10 * 60_000  # of an enqueue token without an expiry
ERRORS = ("hash", "eventid", "timestamp", "ip", "qidlimit", "connector/sessionstate")
RedirectType = Literal[
    "queue", "safetynet", "disabled"
]  # came through; a store is unavailable; the gate is off
_STEM = 22  # random characters of a visitor's id; the rest is the network it is from
_QUEUE_ID = re.compile(r"([0-9a-f-]{36})(?:-([0-9a-f]{6}(?:[a-z][1-7])?|[1-7m]))?", re.IGNORECASE)
_MEMBER = frozenset("m1234567")  # or marks a member and their lane
_NONCE_BYTES = 12
_AES_BLOCK_BITS = 128


class UrlRule(Struct, frozen=True, kw_only=True):
    """A match on addresses of the shop."""

    part: Literal["HostName", "PagePath", "PageUrl"] = "PagePath"
    operator: Literal["Equals", "Contains"] = "Contains"
    value: Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME)]
    negative: bool = False
    ignore_case: bool = True


class ConnectorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a room serves a shop's connector; everything except the secret."""

    customer_id: Annotated[str, Meta(pattern=CUSTOMER)]
    protect: Annotated[list[UrlRule], Meta(max_length=50)] = []  # any of these; empty: every page
    cancel: Annotated[list[UrlRule], Meta(max_length=50)] = []  # pages that end a turn, as after an order
    ignore: Annotated[list[UrlRule], Meta(max_length=50)] = []  # pages that never trigger a check
    cookie_domain: Annotated[str, Meta(pattern=DOMAIN)] = ""
    cookie_minutes: Annotated[int, Meta(ge=1, le=1440)] = 20
    extend_cookie: bool = True
    public_config: bool = False  # whether the configuration can be fetched without its key


@dataclass(frozen=True, slots=True)
class Connector:
    """The connector settings of one room, with its secret."""

    room_id: RoomId
    settings: ConnectorSettings
    secret: str
    version: int


class Enqueue(msgspec.Struct, frozen=True):
    """The claims of an enqueue token that we use."""

    token_id: str
    until_ms: int  # its expiry; its `token_id` is remembered until then
    unique_key: str = ""  # visitors with the same key are the same visitor


def new_secret() -> str:
    """A new secret, of the length connectors expect."""
    return secrets.token_hex(SECRET_LENGTH // 2)


def digest(secret: str, text: str) -> str:
    """The protocol's one digest; lower case, as connectors compare it."""
    return hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()


def config_key(secret: str) -> str:
    """The key with which a shop fetches its configuration; derived from the secret without revealing it."""
    return digest(secret, "fairgate: key of the integration configuration")


def queue_id(visitor_id: VisitorId) -> str:
    """The visitor as a GUID, followed by their network if the id has one, and why they are a suspect: our ids
    contain characters that separate fields in this format."""
    guid, rest = str(uuid.UUID(bytes=from_base64url(visitor_id[:_STEM]))), visitor_id[_STEM:]
    if rest in {"", *_MEMBER}:
        return f"{guid}-{rest}".removesuffix("-")
    return f"{guid}-{from_base64url(rest[:NETWORK_CHARS]).hex()}{rest[NETWORK_CHARS:]}"


def visitor_of(text: str) -> VisitorId | None:
    """The visitor of a queue id; None if it is not one."""
    match = _QUEUE_ID.fullmatch(text)
    if match is None:
        return None
    try:
        stem = to_base64url(uuid.UUID(match[1]).bytes)
    except ValueError:
        return None
    rest = (match[2] or "").lower()
    if rest in _MEMBER:
        return VisitorId(stem + rest)
    network, suspect = rest[: 2 * NETWORK_BYTES], rest[2 * NETWORK_BYTES :]
    return VisitorId(stem + to_base64url(bytes.fromhex(network)) + suspect)


def token(
    connector: Connector,
    visitor_id: VisitorId | None,
    now_s: int,
    *,
    redirect: RedirectType = "queue",
    extend: bool = True,
    minutes: int = 0,
    client: str = "",
) -> str:
    """The token a browser carries to the shop. `minutes`: the cookie's lifetime, 0: as configured;
    `client`: the only address it is valid for."""
    fields = [f"e_{connector.room_id}"]
    if visitor_id is not None:
        fields.append(f"q_{queue_id(visitor_id)}")
    fields += [f"ts_{now_s + TOKEN_TTL_S}", f"ce_{'true' if extend else 'false'}"]
    if minutes:
        fields.append(f"cv_{minutes}")
    fields.append(f"rt_{redirect}")
    if client:
        fields.append(f"hip_{digest(connector.secret, client)}")
    body = "~".join(fields)
    return f"{body}~h_{digest(connector.secret, body)}"


def with_token(address: str, text: str) -> str:
    """The address with this token in place of any it had."""
    before, mark, fragment = address.partition("#")
    path, _, query = before.partition("?")
    parts = [it for it in query.split("&") if it and it.partition("=")[0].lower() != TOKEN]
    parts.append(f"{TOKEN}={quote(text, safe='~')}")
    return f"{path}?{'&'.join(parts)}{mark}{fragment}"


def integration_config(connectors: list[Connector], queue_host: str) -> dict[str, Any]:
    """The configuration of a connector for all rooms of one customer: the first action that matches
    applies."""
    actions = [
        _integration(it, action, rules, queue_host)
        for action in ("Ignore", "Cancel", "Queue")
        for it in connectors
        if (rules := _rules_of(it.settings, action))
    ]
    version = max((it.version for it in connectors), default=1)
    return {"Version": version, "Description": "Fairgate", "Integrations": actions}


def pushed(config: dict[str, Any], secret: str) -> dict[str, str]:
    """The signed document with which a configuration is pushed to a shop."""
    information = json.dumps(config, separators=(",", ":")).encode().hex()
    return {"integrationInfo": information, "hash": digest(secret, information)}


def read_enqueue_token(
    text: str, secret: str, *, customer_id: str, room_id: RoomId, now_ms: int, client: str
) -> Enqueue:
    """Read a shop's claims about a visitor it sends. Raises CredentialInvalid."""
    parts = text.split(".")
    if len(parts) != 3 or len(text) > ENQUEUE_TOKEN_MAX or not text.isascii():
        raise CredentialInvalid("This is not an enqueue token.")
    signed = f"{parts[0]}.{parts[1]}"
    mac = to_base64url(hashlib.sha256((signed + secret).encode()).digest())
    if not hmac.compare_digest(mac, parts[2]):
        raise CredentialInvalid("The enqueue token was not signed with this room's key.")
    try:
        header = msgspec.json.decode(from_base64url(parts[0]), type=_Header)
        payload = _payload(from_base64url(parts[1]), header.ti, secret) if parts[1] else _Payload()
    except (msgspec.MsgspecError, NotBase64, ValueError):
        raise CredentialInvalid("The enqueue token cannot be read.") from None
    if header.typ != "QT1" or header.c.lower() != customer_id or header.e not in ("", room_id):
        raise CredentialInvalid("The enqueue token is for another room.")
    if header.exp and header.exp <= now_ms:
        raise CredentialInvalid("The enqueue token has expired.")
    if not header.exp and abs(now_ms - header.iss) > ENQUEUE_TTL_MS:
        raise CredentialInvalid("The enqueue token has no expiry, and its time is too old or in the future.")
    if header.exp > now_ms + ENQUEUE_EXP_MAX_MS:
        raise CredentialInvalid("The enqueue token expires more than a day from now.")
    if header.ip and client and header.ip != client:
        raise CredentialInvalid("The enqueue token was issued for another address.")
    return Enqueue(header.ti, header.exp or header.iss + ENQUEUE_TTL_MS, payload.k or "")


class Sealer:
    """Encrypts third-party secrets for the database with a key derived from ours, one per purpose."""

    def __init__(self, secret: bytes, purpose: str = "knownuser secrets") -> None:
        self._cipher = AESGCM(hmac.digest(secret, f"fairgate {purpose}".encode(), "sha256"))

    def seal(self, room_id: RoomId, text: str) -> bytes:
        """Encrypt a secret, bound to its room."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), room_id.encode())

    def open(self, room_id: RoomId, sealed: bytes) -> str | None:
        """Decrypt a secret; None if it was sealed for another room or under another FAIRGATE_SECRET."""
        try:
            text = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], room_id.encode())
        except InvalidTag:
            return None
        return text.decode()


class _Header(msgspec.Struct, frozen=True):
    typ: str
    iss: int
    ti: Annotated[str, Meta(min_length=1, max_length=200)]
    c: str
    exp: int = 0
    e: str = ""
    ip: str = ""


class _Payload(msgspec.Struct, frozen=True):
    k: Annotated[str, Meta(max_length=500)] | None = None


def _payload(sealed: bytes, token_id: str, secret: str) -> _Payload:
    """Decrypt the payload: AES-256-CBC, as the format defines; its digest has been verified."""
    key = hashlib.sha256(secret.encode()).digest()
    iv = hashlib.md5(token_id.encode(), usedforsecurity=False).digest()
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    unpadder = PKCS7(_AES_BLOCK_BITS).unpadder()
    plain = unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()
    return msgspec.json.decode(plain, type=_Payload)


def _rules_of(settings: ConnectorSettings, action: str) -> list[UrlRule]:
    if action == "Queue":
        return settings.protect or [UrlRule(part="PageUrl", value="*")]
    return settings.cancel if action == "Cancel" else settings.ignore


def _integration(connector: Connector, action: str, rules: list[UrlRule], queue_host: str) -> dict[str, Any]:
    parts = [
        {
            "ValidatorType": "UrlValidator",
            "UrlPart": rule.part,
            "Operator": rule.operator,
            "ValueToCompare": rule.value,
            "ValuesToCompare": None,
            "IsNegative": rule.negative,
            "IsIgnoreCase": rule.ignore_case,
        }
        for rule in rules
    ]
    return {
        "Name": f"{connector.room_id} {action}",
        "ActionType": action,
        "EventId": connector.room_id,
        "InvolvedWaitingRoomIds": None,
        "CookieDomain": connector.settings.cookie_domain,
        "IsCookieHttpOnly": True,
        "IsCookieSecure": True,
        "LayoutName": "",
        "Culture": "",
        "ExtendCookieValidity": connector.settings.extend_cookie,
        "CookieValidityMinute": connector.settings.cookie_minutes,
        "QueueDomain": queue_host,
        "QueuePathPrefix": "",
        "RedirectLogic": "AllowTParameter",
        "ForcedTargetUrl": "",
        "VerifyQueueIdEnabled": False,
        "QueueIdUsageLimit": None,
        "IsNormalizationEnabled": False,
        "Triggers": [{"LogicalOperator": "Or", "TriggerParts": parts}],
    }
