"""Rooms, events with counted ticket types, reservations, payments, keys.

Revision ID: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = ("before",)
depends_on = None

UP = """
CREATE TABLE rooms (
    room_id          text PRIMARY KEY,
    settings         jsonb NOT NULL,
    state            text NOT NULL
        CHECK (state IN ('scheduled','prequeue','open','paused','sold_out','closed')),
    version          bigint NOT NULL DEFAULT 1,
    epoch            bigint NOT NULL DEFAULT 0,
    seed             bytea NOT NULL CHECK (length(seed) = 32),
    serving_position bigint NOT NULL DEFAULT 0,
    numbers_reserved bigint NOT NULL DEFAULT 0 CHECK (numbers_reserved >= serving_position),
    draw_first       bigint NOT NULL DEFAULT 0,  -- the numbers kept for a draw, from the opening on
    draw_last        bigint NOT NULL DEFAULT 0,
    opened_at        timestamptz,
    closed_at        timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now()
);

-- How far the line had been called, and how long it was, second by second while either moved: tells after a
-- wiped Redis whose call was still running, and how long people waited.
CREATE TABLE calls (
    room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    called_at        timestamptz NOT NULL,
    serving_position bigint NOT NULL,
    last_number      bigint NOT NULL,
    PRIMARY KEY (room_id, called_at)
);

-- The numbers a draw gave to those who stood in the pre-queue.
CREATE TABLE drawn_places (
    room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    visitor_id       text NOT NULL,
    queue_number     bigint NOT NULL,
    PRIMARY KEY (room_id, visitor_id),
    CONSTRAINT one_visitor_a_number UNIQUE (room_id, queue_number)
);

-- A claimed turn, written before the booking token is handed over: nobody gets a second one.
CREATE TABLE sessions (
    room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    visitor_id       text NOT NULL,
    queue_number     bigint NOT NULL,
    expires_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    PRIMARY KEY (room_id, visitor_id, queue_number)
);
CREATE INDEX sessions_recent ON sessions (room_id, expires_at);

CREATE TABLE removed_visitors (
    room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    visitor_id       text NOT NULL,
    removed_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room_id, visitor_id)
);

CREATE TABLE events (
    event_id         text PRIMARY KEY,
    room_id          text NOT NULL UNIQUE REFERENCES rooms,
    name             text NOT NULL,
    venue            text NOT NULL DEFAULT '',
    artist           text NOT NULL DEFAULT '',
    starts_at        timestamptz NOT NULL,
    currency         text NOT NULL DEFAULT 'EUR' CHECK (currency ~ '^[A-Z]{3}$'),
    max_tickets_per_visitor int NOT NULL DEFAULT 10 CHECK (max_tickets_per_visitor BETWEEN 1 AND 100),
    hold_ttl_s       int NOT NULL DEFAULT 300 CHECK (hold_ttl_s BETWEEN 2 AND 86400),
    published        boolean NOT NULL DEFAULT true,
    created_at       timestamptz NOT NULL DEFAULT now()
);

-- The paired assertion of `allocate.lua`: whatever Redis says, these CHECKs cannot be oversold.
CREATE TABLE ticket_types (
    event_id         text NOT NULL REFERENCES events ON DELETE CASCADE,
    ticket_type_id   text NOT NULL,
    name             text NOT NULL,
    price            bigint NOT NULL CHECK (price >= 0),
    total            bigint NOT NULL CHECK (total >= 0),
    held             bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    sold             bigint NOT NULL DEFAULT 0 CHECK (sold >= 0),
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, ticket_type_id),
    CONSTRAINT never_oversold CHECK (held + sold <= total)
);

CREATE TABLE reservations (
    reservation_id   text PRIMARY KEY,
    event_id         text NOT NULL REFERENCES events,
    visitor_id       text NOT NULL,
    status           text NOT NULL CHECK (status IN ('held','paying','confirmed','cancelled','expired')),
    items            jsonb NOT NULL,
    amount           bigint NOT NULL CHECK (amount >= 0),
    currency         text NOT NULL,
    fingerprint      text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    confirmed_at     timestamptz,
    ended_at         timestamptz,
    released         boolean NOT NULL DEFAULT false
);
CREATE INDEX reservations_ending ON reservations (expires_at) WHERE status IN ('held','paying');
CREATE INDEX reservations_unreleased ON reservations (ended_at)
    WHERE status IN ('cancelled','expired','confirmed') AND NOT released;
CREATE INDEX reservations_of_visitor ON reservations (event_id, visitor_id);

CREATE TABLE tickets (
    ticket_id        text PRIMARY KEY,
    reservation_id   text NOT NULL REFERENCES reservations,
    ticket_type_id   text NOT NULL,
    seat_id          text,
    code             text NOT NULL UNIQUE
);
CREATE INDEX tickets_of_reservation ON tickets (reservation_id);

-- One row per attempt to pay; payment_id is the idempotency key the gateway sees.
CREATE TABLE payments (
    payment_id       text PRIMARY KEY,
    reservation_id   text NOT NULL REFERENCES reservations,
    fingerprint      text NOT NULL,
    method           text NOT NULL,
    token            text NOT NULL,
    amount           bigint NOT NULL,
    status           text NOT NULL
        CHECK (status IN ('asked','succeeded','declined','failed','refunding','refunded')),
    created_at       timestamptz NOT NULL DEFAULT now(),
    settled_at       timestamptz
);
CREATE INDEX payments_of_reservation ON payments (reservation_id);
CREATE INDEX payments_open ON payments (created_at) WHERE status IN ('asked','refunding');
CREATE UNIQUE INDEX payments_one_asked ON payments (reservation_id) WHERE status = 'asked';

-- The books of the simulated gateway: what it will answer, and when.
CREATE TABLE simulated_charges (
    payment_id       text PRIMARY KEY,
    amount           bigint NOT NULL,
    approved         boolean NOT NULL,
    settles_at       timestamptz NOT NULL,
    refunded_at      timestamptz
);

CREATE TABLE signing_keys (
    kid              text PRIMARY KEY,
    private_pem      text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    retired_at       timestamptz
);

CREATE TABLE idempotent_replies (
    scope            text NOT NULL,
    idempotency_key  text NOT NULL,
    fingerprint      text NOT NULL,
    status           int,
    body             bytea,
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, idempotency_key)
);
CREATE INDEX idempotent_replies_age ON idempotent_replies (created_at);
"""

DOWN = """
DROP TABLE idempotent_replies;
DROP TABLE signing_keys;
DROP TABLE simulated_charges;
DROP TABLE payments;
DROP TABLE tickets;
DROP TABLE reservations;
DROP TABLE ticket_types;
DROP TABLE events;
DROP TABLE removed_visitors;
DROP TABLE sessions;
DROP TABLE drawn_places;
DROP TABLE calls;
DROP TABLE rooms;
"""


def upgrade() -> None:
    for statement in filter(str.strip, UP.split(";\n")):
        op.execute(statement)


def downgrade() -> None:
    for statement in filter(str.strip, DOWN.split(";\n")):
        op.execute(statement)
