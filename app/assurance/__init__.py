"""What others outside contribute, so that nobody has to take our word: rounds of a public randomness beacon,
which draws are made with, and cosignatures of witnesses under the heads of public logs.

What they send is believed for its signature alone. Here is who is asked, and when; what a signature must be
of is in `core`. Never here: what somebody waits for.
"""
