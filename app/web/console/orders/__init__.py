"""The pages of orders and their refunds."""
