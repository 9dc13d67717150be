"""Loads rooms from Postgres into Redis, restores them after a loss of Redis, and unloads those long closed.

`loaded_rooms` is what one process knows about rooms, `room` restores the waiting room, `stock` the
reservations, and `unloading` frees memory in Redis. This layer lies below both: they request a room here
without knowing how it was restored. Anything that a room keeps in Redis and must not lose has to be restored
here, and its key listed in `unload.lua`.
"""
