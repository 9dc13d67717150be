"""Fairgate's API: join a queue, wait, claim, reserve, pay."""

from fairgate_client.client import Fairgate, Over, Refused

__all__ = ["Fairgate", "Over", "Refused"]
