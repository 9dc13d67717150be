"""Fairgate: a waiting room in front of something scarce, and the reservations behind it.

Operations are in packages by subject (`waiting_room`, `reservations`, `gate`, ...): functions that take
frozen values, call one script or one statement, and return frozen values. `web` translates HTTP into calls of
them, and the worker calls the same ones. Only `store` talks to Redis and Postgres, and `core` decides without
I/O. Imports point downwards; `pyproject.toml` has their order, and `ARCHITECTURE.md` the map.
"""
