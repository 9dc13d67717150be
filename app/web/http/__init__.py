"""From a request to a response, the same for every call: declared in `routes`, run by `dispatch`.

`hot_lane` serves the calls of a crowd in plain ASGI, `quart_adapter` serves the rest; `credentials`,
`origins`, `throttles` and `bodies` refuse, `problems` renders every refusal, `status_board` and `sse` serve
many viewers at once. Never here: a particular call. A rule for all calls goes here, and a test checks it over
the whole registry.
"""
