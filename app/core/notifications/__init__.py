"""The types, addresses and texts of what is sent to people and systems. No I/O."""
