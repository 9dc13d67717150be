"""SQL by subject: plain statements as named functions, rows as frozen values. A change of several rows is one
statement.

Transactions must not wait for anything but PostgreSQL, and rules belong in constraints where possible. A new
table starts with a migration; a new query goes into its subject's module.
"""
