"""The contract for programs: one module per subject, each call declared with its role, scope and answers.

`registry` has them all in order, `openapi` generates the contract from it. A new call is a function in its
subject's module, its document in `web/documents`, and an example in `tests/contract/world.py`.
"""
