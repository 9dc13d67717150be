"""How money is taken: what a gateway has to do, and the gateways. Which one is used is a setting.

Never here: what a payment buys. Confirming a paid hold is `reservations/checkout.py`'s.
"""
