"""The pages of visitors, with and without JavaScript: sales, queue, booking, one's reservations.

`visitor_pages` has all addresses; the folders are the queue (`room`), booking (`sale`), and what buyers do
later (`orders`). A page reads through the same functions as the API, builds a frozen document (`documents` or
its folder's own) and lays it out with `render`; `entry` is around every page. All texts are in templates,
translated. Never put a text for fans into Python code, where it would be missing from the catalogues.
"""
