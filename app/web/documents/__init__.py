"""What answers say, as frozen structs with types that `/openapi.json` is made from.

Never here: a store or a request; the values are handed in.
"""
