"""Opening connections: addresses in the formats of libpq and Redis clients, and pools with a deadline on
every wait.

Nothing here is about a subject. Whatever applies to all statements or commands (time-outs, errors of broken
connections) belongs here.
"""
