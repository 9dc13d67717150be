"""Rules of reservations and tickets: outcomes, terms, buyers, check-in. No I/O."""
