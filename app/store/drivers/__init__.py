"""How connections are made: addresses in the formats of libpq and Redis clients, pools with a deadline on
every wait.

Never here: a subject. What applies to every statement or command (time-outs, errors of broken connections)
goes here, once.
"""
