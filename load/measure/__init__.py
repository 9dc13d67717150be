"""How a row is measured and reported, whatever it is about.

`trials` has a run and its trials, `figures` the arithmetic, `conditions` and `sizes` what they depend on,
`report` the output. `crowd` and `prepared` create visitors; `wrk` and `attacker` send their requests. Never
here: a row, or a target that only one row has.
"""
