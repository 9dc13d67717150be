"""What staff put on sale: events, ticket types, sections of seats, and whether they are published.

Postgres first, then the room in Redis. Never here: a visitor, a reservation.
"""
