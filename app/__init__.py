"""Fairgate: a waiting room in front of something scarce, and the reservations behind it.

Operations lie in packages by subject (`waiting_room`, `reservations`, `gate`, ...): functions that take
frozen values, call one script or one statement, and return frozen values. `web` turns HTTP into calls of
them, the worker calls the same ones, `store` is the only part that speaks to Redis and Postgres, `core`
decides without I/O. Imports point down; `pyproject.toml` has the order, and `ARCHITECTURE.md` the map.
"""
