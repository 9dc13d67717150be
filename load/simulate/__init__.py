"""`fairgate simulate`: a sale on the real scripts in simulated time, much faster than real time."""
