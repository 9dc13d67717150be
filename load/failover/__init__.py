"""A store fails over during a sale: what fans notice, and what is lost (`python -m load.failover`).

`site` starts stores and processes, `crowd` are the fans, `__main__` lets the primary fail and counts. The
servers themselves are in `load/servers`, since tests start them, too.
"""
