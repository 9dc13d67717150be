"""The gate in front of another site: starting, renewing and ending sessions, and the queries of shops'
connectors.

Whether a request may pass is decided in `web/gate`, from the pass and the process's knowledge of the room;
code that needs a store is here. Never here: who is called next.
"""
