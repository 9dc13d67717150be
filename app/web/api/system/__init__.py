"""The calls about the installation: health and metrics, alerts, audit log, webhooks, figures.

Figures of a room that only its cockpit needs are in `room`. Nothing here changes a sale.
"""
