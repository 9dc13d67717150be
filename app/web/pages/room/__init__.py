"""The queue page, what newcomers do before they join, and the way from there to a shop or booking page.

`queue_view` reads, `queue_document` decides what is shown, `forms` handles what the page posts. `identity`,
`member`, `captcha`, `mail` and `fan_account` are about who joins; `handover`, `knownuser`, `crowdhandler` and
`json_queue` serve shops and apps. Never here: tickets.
"""
