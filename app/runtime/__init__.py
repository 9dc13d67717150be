"""How processes run: the servers, the supervisor of `fairgate up` and its embedded stores, the data folder.

Never here: a request. The only place that knows Hypercorn and Granian is `serve`.
"""
