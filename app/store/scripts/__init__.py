"""The Lua scripts as typed functions: one function a script, the reply as frozen values.

`loader` reads the header of each script, which is its contract, and calls it; `replies` reads what it may
answer, and the types here are held against that. A new script is a file in `app/store/lua/` with a header,
and a function in the module of its subject: `room` (what visitors do), `admission` (the controller,
restoring), `stock` (reservations), `gate`. Never here: a decision; the script has taken it.
"""
