"""How connections are made: addresses as libpq and Redis clients take them, pools with a deadline on every
wait.

Never here: a subject. What is true for every statement or command (time-outs, what a broken connection
raises) goes here, once.
"""
