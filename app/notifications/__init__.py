"""Notifications: from the outbox to the event stream, to webhooks and to e-mail.

`relay` reads the outbox and passes events to the `channels`, `email_content` renders e-mails, `addresses`
knows where a visitor is reached, `safe_post` is the only code that sends HTTP to an address chosen by
somebody else. Every delivery has an outcome that staff can see. Never here: deciding anything about a sale.
"""
