"""The calls for what somebody buys: reserve, pay, cancel; orders and refunds; transfers and check-ins.

`reservations` takes a hold and follows it, `checkout` ends or extends it, `payments` receives the gateways'
messages, `orders` is for staff. Never here: stock, prices or limits, which `submit.lua` checks in one step.
"""
