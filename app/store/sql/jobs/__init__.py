"""SQL of jobs and their items."""
