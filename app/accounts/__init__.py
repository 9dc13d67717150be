"""Identities of people and machines: accounts, passwords and their reset, API keys, sign-ins, signing keys.

What somebody may do is decided elsewhere: each call declares its role and scope (`web/http/credentials.py`,
`key_rights.py`).
"""
