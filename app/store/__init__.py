"""The two stores, and the only code that knows their drivers.

`connections` opens both; `drivers` makes, limits and abandons connections; `scripts` calls the Lua files in
`lua/` as typed functions; `redis` has the accesses without a script; `sql` has one module of statements per
subject. `keys` knows every key name, `away` what each error means, and `coalescer` lets callers share a round
trip.

Decisions about visitors or tickets belong in scripts and statements only. A new read or write goes next to
those of its subject, a new key into `keys`.
"""
