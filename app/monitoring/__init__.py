"""The state of the installation, for machines (`/metrics`, readiness), for the console and for `fairgate
doctor`.

Figures are informational: nothing is decided by them. A new metric is declared in `app/metrics.py` and
counted where it happens; a new figure of the console goes to `stats` (now) or `history` (over time).
"""
