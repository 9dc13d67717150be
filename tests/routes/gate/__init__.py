"""The gate in front of another site: what passes, sessions, sites, and `fairgate gate` itself."""
