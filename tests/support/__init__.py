"""Shared helpers for the tests and the test run; contains no tests."""
