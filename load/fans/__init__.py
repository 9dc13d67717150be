"""The fans that `fairgate load` plays, and what they find.

`page` is the queue page's logic without I/O: change it together with `app/static`. `visitors`, `bots`,
`stream` and `world` need gevent and run in Locust's process; `target`, `outside` and `summary` never do, and
`plan` is all that passes between both sides. A new kind of crowd goes to `scenarios`.
"""
