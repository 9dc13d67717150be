"""The notification channels: one file each, and their list.

A new channel is a file here and an entry in `CHANNELS`: docs/contributing/channel.md. Never here: what
changed (the outbox's triggers record it), or the order of events (`notifications/relay.py`).
"""

from __future__ import annotations

from app.notifications.channel import Channel
from app.notifications.channels import email, webhooks

CHANNELS: list[Channel] = [email.CHANNEL, webhooks.CHANNEL]
