"""How everything is doing, for machines (`/metrics`, readiness), for the console and for `fairgate doctor`.

Figures to look at: nothing is decided by what is here. A new metric is declared in `app/metrics.py` and
counted where it happens; a new figure of the console goes to `stats` (now) or `history` (over time).
"""
