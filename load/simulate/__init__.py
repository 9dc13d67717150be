"""`fairgate simulate`: a sale in pinned time, on the real scripts, much faster than real time."""
