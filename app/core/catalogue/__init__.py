"""What is on sale: definitions of events, seats and codes, and what is wrong with one. No I/O."""
