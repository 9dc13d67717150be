"""The booking page and the page of a reservation, from choosing tickets to paying and cancelling.

`booking` reads, `booking_documents` decides what is shown, `reservation_forms` handles what both post.
Each part of a page has a module of its own: `seats`, `event_codes`, `buyer_form`, `ticket_views`.
"""
