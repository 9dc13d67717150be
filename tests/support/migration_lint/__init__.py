"""A lint for the SQL of migrations: it finds what would block writes or break the release that still runs.

`script` reads the SQL of a migration without a database; `statements` checks it, and `tables` checks each
ALTER TABLE. PostgreSQL's own grammar parses it (libpg_query), so nothing depends on how a statement is
spelled.
"""
