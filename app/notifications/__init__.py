"""Telling others what changed: from the outbox to the stream of notices, to webhooks, to mail.

`relay` reads the outbox, hands them to the `channels`, `email_content` says it in words,
`addresses` knows where a visitor is reached, `safe_post` is the only code that sends HTTP to an address
somebody else chose. Each delivery has an end that staff can see. Never here: deciding anything about a sale.
"""
