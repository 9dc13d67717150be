"""Fairgate's waiting room in front of a Python site."""

from fairgate_gate.asgi import AsgiGate
from fairgate_gate.settings import Settings
from fairgate_gate.wsgi import WsgiGate

__all__ = ["AsgiGate", "Settings", "WsgiGate"]
