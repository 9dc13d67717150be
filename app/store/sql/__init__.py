"""SQL by subject: plain statements as named functions, rows as frozen values. A change of several rows is one
statement.

Never here: a transaction that waits for anything but Postgres, or a rule that a constraint could enforce. A
new table starts with a migration; a new query goes to its subject's module.
"""
