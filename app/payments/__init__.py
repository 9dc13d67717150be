"""How money is taken: `gateway` says what is asked of a payment gateway and guards it, `gateways/` has a file
for each. Which one is used is a setting, `FAIRGATE_PAYMENTS`; a new one is one file and a line in a table
(docs/contributing/gateway.md).

Never here: what a payment buys. Confirming a paid hold is `reservations/checkout.py`'s.
"""
