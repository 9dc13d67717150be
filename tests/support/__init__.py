"""What tests and the test run itself lean on; no test is in here."""
