"""Signing in to the console, and everything that proves who is there."""
