"""HTTP, by surface: `api` for programs, `pages` for visitors, `console` for staff, `gate` for proxies.

`http` has what all of them share: declaring routes, getting from a request to a response, credentials,
refusals. `documents` are the bodies of responses. A route calls one operation and renders its result; it
contains no SQL, no Redis command, and no decision about a queue or a ticket.
"""
