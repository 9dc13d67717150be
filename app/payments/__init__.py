"""Taking payments: `gateway` defines and guards the payment gateways, `gateways/` has one file for each. The
setting `FAIRGATE_PAYMENTS` chooses among them; a new one is one file and a line in a table
(docs/contributing/gateway.md).

Never here: what a payment buys. Confirming a paid hold belongs to `reservations/checkout.py`.
"""
