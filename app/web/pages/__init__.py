"""What visitors see, with and without scripts: sales, the queue, booking, a reservation, their own.

A page reads through the same functions as the API, builds a frozen document (`documents`, `queue_document`),
and `render` lays it out; `forms` takes what pages post. Texts are in templates and translated. Never here: a
text in Python that a fan reads and a catalogue does not have.
"""
