"""References for the product's figures, measured on the same machine in the same run.

`stores`: the product's scripts and INSERTs called one after the other. `bare`: reservations with the
product's own design, a script, a stream, a worker and one INSERT per batch, without anything else the product
does: no throttle, token, idempotency, limits, take-over or restore. `nothing`: a server that answers at once.
`processes` runs the last two as separate processes, on the stores of a running product.
"""
