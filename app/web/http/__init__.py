"""From a request to a response, the same for every call: declared in `routes`, run by `dispatch`.

`hot_lane` serves the calls of a crowd in plain ASGI, `quart_adapter` serves the rest; `credentials`,
`origins`, `throttles` and `bodies` refuse requests, `problems` renders every refusal, `status_board` and
`sse` serve many viewers at once. A rule for all calls goes here, and a test checks it over the whole
registry; particular calls do not.
"""
