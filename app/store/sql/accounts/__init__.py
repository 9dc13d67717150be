"""SQL of accounts, keys and sign-ins."""
