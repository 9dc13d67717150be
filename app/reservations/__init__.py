"""The second half: from a booking token to a hold, a payment and an order. Knows nothing of queues.

`operations` is what the rest of the program calls. `pending` is one process's end of the path (who waits for
which outcome), `request` the form of what is asked for, `holds`, `checkout` and `settlement` the life of a
hold, `orders` and `seat_map` what is read, `change_limits` how often it may be done. `consistency` and
`reconcile` compare the stores.

Never here: places, numbers, calls; an import of `waiting_room`. A rule about who may take how much belongs
into `submit.lua`, one about money into `checkout` and the statement it calls.
"""
