"""`fairgate demo`: two concerts on sale with a crowd of simulated fans, and stories that run the API call by
call."""
