"""The console at `/admin`, one module a subject. `frame` tells how a page or form is declared; `registry`
names all.

Each change goes through the operation that the API calls, and into the audit log. English; never for fans.
"""
