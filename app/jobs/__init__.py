"""Jobs that staff ask for and need not wait for: written down, run by arq in short steps, shown, stopped.

A new kind is a step in `steps`: one transaction that does a piece of work and records how far it got, so that
a worker that dies in the middle repeats nothing. Never here: anything a visitor waits for.
"""
