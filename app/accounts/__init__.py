"""Who people and machines are: accounts, passwords and their reset, API keys, sign-ins, and the signing
keys.

Never here: what somebody may do; each call declares its role and scope (`web/http/credentials.py`,
`key_rights.py`).
"""
