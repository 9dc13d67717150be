"""What Fairgate signs: tokens, cookies and codes, each with its claims and its key. No I/O."""
