"""Formats of external input: patterns, their meaning in error messages, annotated types."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from app.core.currencies import SCALES

SLUG = r"^(?=.{1,40}$)[a-z0-9]+(-[a-z0-9]+)*\Z"
NAME = r"^[^\x00-\x1f\x7f]*\Z"  # allows emoji, rejects control characters (Postgres text cannot hold NUL)
TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f]*\Z"
CURRENCY = rf"^({'|'.join(sorted(SCALES))})\Z"
ZONE = r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*\Z"
LOCALE = r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?\Z"
URL = r"^(https?://[^\s\x00-\x1f\x7f]+)?\Z"
HOST = r"^[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?\Z"
CUSTOMER = r"^[a-z0-9][a-z0-9-]{0,39}\Z"
DOMAIN = r"^[A-Za-z0-9.-]{0,253}\Z"
SHARED_SECRET = r"^([!-~]{16,200})?\Z"
EMAIL = r"^\s*[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\s*\Z"  # `email.mailbox` checks more, and trims
CODE = r"^[A-Za-z0-9][A-Za-z0-9-]{2,31}\Z"
SEAT_ID = r"^(?=.{5,60}$)[a-z0-9]+(-[a-z0-9]+)+-[a-z0-9]{1,6}\Z"
LABEL = r"^([A-Za-z0-9]{1,6})?\Z"
ROW = r"^[A-Za-z0-9]{1,8}\Z"
PROOF = r"^[A-Za-z0-9._-]+\Z"
BASE64 = r"^[A-Za-z0-9+/]+={0,2}\Z"
VISIBLE = r"^[!-~]+\Z"
GATEWAY = r"^[a-z][a-z0-9_]{0,39}\Z"
OPAQUE = r"^[A-Za-z0-9_-]{1,128}\Z"
PATH = r"^(/[^\x00-\x20\x7f]*)?\Z"
METHOD = r"^[A-Z]{0,20}\Z"
TOKEN = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{0,100}\Z"
SERVER = r"^[A-Za-z0-9._:-]{0,64}\Z"
SIX_DIGITS = r"^[0-9]{6}\Z"
COLOUR = r"^(#[0-9a-f]{6})?\Z"
PICTURE = r"^(data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2})?\Z"
CODE_PREFIX = r"^[A-Za-z0-9]*\Z"
PATTERN_MEANS = {  # message for a value that does not match
    OPAQUE: "must be an id issued by Fairgate",
    PROOF: "must be a JWT",
    BASE64: "must be base64",
    VISIBLE: "must be letters, digits and punctuation, without spaces",
    GATEWAY: "must be the name of a payment gateway",
    SLUG: "must be 1 to 40 lower-case letters and digits, with single hyphens between them",
    NAME: "must not contain control characters",
    TEXT: "must not contain control characters other than tab and line feed",
    CURRENCY: "must be the ISO 4217 code of a currency, such as EUR",
    ZONE: "is not a time zone, such as Europe/Berlin",
    LOCALE: "must be a language tag, such as de or pt-BR",
    URL: "must be an address that starts with http:// or https://",
    HOST: "must be a host name, optionally with a port",
    CUSTOMER: "must be up to 40 lower-case letters, digits and hyphens",
    DOMAIN: "must be a domain name, such as shop.example",
    SHARED_SECRET: "must be 16 to 200 printable characters without spaces",
    EMAIL: "must be an e-mail address",
    CODE: "must be 3 to 32 letters, digits and hyphens",
    CODE_PREFIX: "must be up to 16 letters and digits",
    SEAT_ID: "must be a seat of the seat map, SECTION-ROW-NUMBER, such as stalls-a-12",
    PATH: "must begin with /, without spaces",
    METHOD: "must be an HTTP method in capitals, such as GET",
    TOKEN: "must be the name of a header or cookie",
    SERVER: "must be up to 64 letters, digits and . _ : -",
    SIX_DIGITS: "must be the six digits of the code",
    COLOUR: "must be a colour, such as #8a1c4a",
    PICTURE: "must be a PNG, JPEG or WebP picture, such as data:image/png;base64,...",
    LABEL: "must be 1 to 6 letters and digits",
    ROW: "must be 1 to 8 letters and digits",
}

Slug = Annotated[str, Meta(pattern=SLUG)]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME)]
Text = Annotated[str, Meta(max_length=2000, pattern=TEXT)]
Quantity = Annotated[int, Meta(ge=1, le=100)]
Code = Annotated[str, Meta(pattern=CODE)]  # of a buyer; case-insensitive, stored in capitals
SeatId = Annotated[str, Meta(pattern=SEAT_ID)]
At = Annotated[datetime, Meta(tz=True)]
Email = Annotated[str, Meta(max_length=254, pattern=EMAIL)]
