"""What is read from Redis, or written to it, without a script: streams, samples, counts, heartbeats.

Never here: a change that two processes could make at once to the same thing. That is a script's.
"""
