"""Which alerts start and end, and what a report says. No I/O."""
