"""Reads and writes in Redis that need no script: streams, samples, counts, heartbeats.

Never here: a change that two processes could make to the same thing at once. That takes a script.
"""
