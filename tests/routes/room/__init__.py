"""A room and its queue: joining, waiting, being called; the cockpit; the protocols of other waiting rooms."""
