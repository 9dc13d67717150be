"""SQL of sites and their connectors."""
