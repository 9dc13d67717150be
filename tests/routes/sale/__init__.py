"""What is on sale, by the API and the console: creating and editing, seats, codes, guests, reports."""
