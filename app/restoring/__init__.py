"""Rooms that Redis does not have: loaded from Postgres, brought back after Redis was lost, taken out when
long closed.

`loaded_rooms` is what one process knows of rooms, `room` and `stock` restore the two halves, `unloading`
frees Redis. Below both halves, which ask for a room here and know nothing of how it came back. Whatever a
room keeps in Redis and cannot lose must be restored here, and its key must be named in `unload.lua`.
"""
