"""The documents of responses: frozen structs whose types `/openapi.json` is generated from.

They never access a store or a request; all values are passed in.
"""
