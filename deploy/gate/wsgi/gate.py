"""Fairgate's gate in front of a WSGI site: Flask, Django.

Run `gate:app` in place of `shop:app`. Specific to the site: where its own app is, Fairgate's address and the
room's name.
"""

from fairgate_gate import WsgiGate
from shop import app as shop

app = WsgiGate(shop, url="https://tickets.example", room="opening-night")
