"""Background jobs that staff start: stored in Postgres, run by arq in short steps, shown with their progress.

A new kind of job needs a step in `steps`: one transaction that does a piece of work and records its progress,
so that nothing is repeated if a worker dies. Nothing that a visitor waits for belongs here.
"""
