"""How processes run: the servers, the supervisor of `fairgate up` and its embedded stores, the data folder.

Never here: a request. Only `serve` knows Hypercorn and Granian.
"""
