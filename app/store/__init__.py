"""The two stores, and the only code that knows their drivers.

`connections` opens both, `drivers` has how connections are made, bounded and abandoned, `scripts` calls the
Lua files in `lua/` as typed functions, `redis` reads what needs no script, `sql` has one module of statements
per subject. `keys` knows every key name, `away` what each error means, `coalescer` lets callers share a round
trip.

Never here: a decision about visitors or tickets that is not inside a script or a statement. A new read or
write goes next to those of its subject; a new key into `keys`.
"""
