"""What the product's figures are held against, made on the same machine in the same run.

`stores`: the product's scripts and INSERTs called one after the other. `bare`: reservations by the product's
own design, a script, a stream, a worker and one INSERT a batch, without anything else the product does: no
throttle, no token, no idempotency, no limits, no take-over, no restore. `nothing`: a server that answers at
once. `processes` runs the last two as processes of their own, on the stores of a running product.
"""
