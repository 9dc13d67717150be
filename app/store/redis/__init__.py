"""Reads and writes in Redis that need no script: streams, samples, counts, heartbeats.

A change that two processes could make to the same thing at once needs a script instead.
"""
