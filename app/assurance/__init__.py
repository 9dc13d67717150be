"""Contributions of third parties, so that nobody has to trust us: rounds of a public randomness beacon for
draws, and cosignatures of witnesses under the heads of public logs.

Their data is trusted only if its signature is valid. This package decides whom to ask and when; `core`
verifies the signatures. Nothing that a visitor waits for belongs here.
"""
