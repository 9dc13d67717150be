"""Fairgate's gate in front of an ASGI site: FastAPI, Starlette, Quart, Django with ASGI.

Run `gate:app` in place of `shop:app`. Specific to the site: where its own app is, Fairgate's address and the
room's name.
"""

from fairgate_gate import AsgiGate
from shop import app as shop

app = AsgiGate(shop, url="https://tickets.example", room="opening-night")
