"""The pages of the installation: health, alerts, audit log, accounts, keys, e-mails, jobs."""
