"""Attacks: each kind is tried on everything it could be used against."""
