"""The worker process, which is arq's: loops for urgent work, jobs for scheduled work and work on demand.

`main` has arq's settings, `lifespan` starts and stops the loops, `jobs` has the cron jobs and the steps of
jobs started by staff; the other modules are one loop each and call operations of `app`. Never here: HTTP, or
a rule that the web process would need as well.
"""
