"""`fairgate demo`: two concerts on sale and a crowd of simulated fans, and stories told call by call."""
