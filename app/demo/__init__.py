"""`fairgate demo`: two concerts on sale and a crowd of simulated fans, which know nothing but HTTP."""
