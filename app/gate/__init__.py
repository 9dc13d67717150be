"""The gate in front of another site: sessions as it begins, renews and ends them, and what shops' connectors
ask.

Whether a request may pass is decided in `web/gate`, from the pass alone and what the process knows of the
room; here is what needs a store. Never here: who is called next.
"""
