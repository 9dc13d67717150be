"""The Lua scripts as typed functions: one function per script, replies as frozen values.

`loader` parses the header of each script, which is its contract, and calls it; `replies` parses the possible
replies, and the types here are checked against them. A new script is a file in `app/store/lua/` with a
header, and a function in the module of its subject: `room` (visitors), `admission` (the controller,
restoring), `stock` (reservations), `gate`. Decisions belong in the scripts, not here.
"""
