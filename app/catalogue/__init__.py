"""What staff put on sale: events, ticket types, sections of seats, and whether they are published.

Changes are written to Postgres first, then to the room in Redis. This package does not handle visitors or
reservations.
"""
