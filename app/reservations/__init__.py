"""The second half of the path: from a booking token to a hold, a payment and an order. It knows nothing of
queues.

The rest of the program calls `operations`. `pending` is one process's end of the path (which request waits
for which outcome), `request` is the form in which tickets are requested, `holds`, `checkout` and `settlement`
are the life of a hold, `orders` and `seat_map` are read access, and `change_limits` limits how often
reservations may change. `consistency` and `reconcile` compare the stores.

Never here: places, numbers, calls, or an import of `waiting_room`. A rule about who may take how much belongs
in `submit.lua`; one about money belongs in `checkout` and the statement it calls.
"""
