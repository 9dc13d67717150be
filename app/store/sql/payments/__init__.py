"""SQL of payments and refunds."""
