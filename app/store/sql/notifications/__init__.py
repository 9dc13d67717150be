"""SQL of the outbox, e-mails and webhooks."""
