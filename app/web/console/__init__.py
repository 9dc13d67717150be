"""The console at `/admin`, one module per subject. `frame` explains how pages and forms are declared,
`registry` imports every module.

Every change goes through the same operation as in the API, and into the audit log. The console is in English
and never seen by fans.
"""
