"""The installation: alerts, figures, jobs, mail; and what it survives: outages, broken loops, fail-overs."""
