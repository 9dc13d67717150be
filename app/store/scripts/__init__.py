"""The Lua scripts as typed functions: one function per script, replies as frozen values.

`loader` reads the header of each script, which is its contract, and calls it; `replies` reads the possible
replies, and the types here are checked against them. A new script is a file in `app/store/lua/` with a
header, and a function in the module of its subject: `room` (visitors), `admission` (the controller,
restoring), `stock` (reservations), `gate`. Never here: a decision; the script has made it.
"""
