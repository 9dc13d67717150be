"""Accounts, signing in, rights, and keys of machines."""
