"""The calls for what is on sale: events with their ticket types, seats, codes, the guest list.

A new setting of a sale goes into `events`, its rule into `app/core/catalogue`. What somebody buys is in
`orders`, which never imports from here.
"""
