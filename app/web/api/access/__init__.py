"""The calls that give access: accounts of people, their devices and passwords, keys of machines.

Reading a credential is in `web/http/credentials`, and each call declares the role it requires. Proofs that a
room asks newcomers for are in `room`.
"""
