"""The contract for programs: one module per subject, each call declared with its role, scope and answers.

The folders are named like the console's: `room`, `sale`, `orders`, `access`, `system`. `registry` has all
calls in their order, `openapi` generates the contract from it. A new call is a function in its subject's
module, its document in `web/documents`, and an example in `tests/contract/world.py`.
"""
