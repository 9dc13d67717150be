"""What attackers try: each kind of attack over everything it could be tried on."""
