"""SQL of reservations, orders and tickets."""
