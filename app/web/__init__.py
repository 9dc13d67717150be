"""HTTP, by surface: `api` for programs, `pages` for visitors, `console` for staff, `gate` for proxies.

`http` carries all of them: how a route is declared, from a request to an answer, who asks, what is refused
and how. `documents` are what they say. A route calls one operation and renders what it returns. Never here:
SQL, a Redis command, a decision about a queue or a ticket.
"""
