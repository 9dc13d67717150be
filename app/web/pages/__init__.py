"""The pages of visitors, with and without JavaScript: sales, queue, booking, one's reservations.

A page reads through the same functions as the API, builds a frozen document (`documents`, `queue_document`)
and lays it out with `render`; `forms` handles what pages post. All texts are in templates, translated. Never
put a text for fans into Python code, where it would be missing from the catalogues.
"""
