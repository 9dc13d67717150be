"""Helpers of the tests and of the test run; no tests."""
