"""Notifications: from the outbox to the event stream, to webhooks and to e-mail.

`relay` reads the outbox, hands them to the `channels`, `email_content` says it in words,
`addresses` knows where a visitor is reached, `safe_post` is the only code that sends HTTP to an address
somebody else chose. Each delivery has an end that staff can see. Never here: deciding anything about a sale.
"""
