"""Amounts of orders and refunds, and the formats of payment gateways. No I/O."""
