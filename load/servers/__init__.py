"""Processes that a measurement starts on this machine: the product itself, stores with replicas, nginx, a
server that does nothing.

Those that others use, too, are context managers: what they yield has ended after their block. Tests of
fail-over and of proxies start the same servers. Never here: what is sent to them, or a figure.
"""
