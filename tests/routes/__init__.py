"""The served app, called over HTTP: every surface together with the operations and stores behind it.

The folders are named after those of `app/web`. At the top are tests of all calls and pages at once
(`test_audit`, `test_console`, `test_console_pages`, `test_input_spellings`), the fixtures (`conftest`), and
what several folders share. Attacks are in `tests/security`, what a browser shows in `tests/browser`.
"""
