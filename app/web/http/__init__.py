"""From a request to an answer, the same for every call: declared in `routes`, run by `dispatch`.

`hot_lane` serves what a crowd calls in plain ASGI, `quart_adapter` hands the rest over; `credentials`,
`origins`, `throttles` and `bodies` refuse, `problems` renders every refusal, `status_board` and `sse` tell
many at once. Never here: a particular call. A rule for all calls goes here, and a test holds it over the
registry.
"""
