"""SQL of what is on sale: events, seats, codes, and the life of a sale."""
