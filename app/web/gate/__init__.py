"""The gate as proxies and shops ask it: may this request pass, whose session is over, what does a connector
need.

A good pass is checked without a store. Never here: rules of one proxy; what differs is in `addresses`.
"""
