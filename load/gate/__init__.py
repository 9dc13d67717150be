"""A crowd at a shop behind the gate (`fairgate load --scenario gate`): `crowd` are its browsers, `run` starts
the shop and shows the result.

A browser knows only what the shop and the queue page send it. Never here: Locust, or a sale.
"""
