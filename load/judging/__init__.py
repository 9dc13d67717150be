"""Whether what happened was right: `books` is what both stores record, `verdict` what is wrong with it, and
`fair_order` how far the numbers of a room in parts differ from the order of arrival.

The simulation, the chaos tests, the benchmark and load runs share these criteria; a new one starts in
`verdict`. Never here: starting a product, or sending it requests.
"""
