"""The pages of one sale: creating, editing, its people, seats, codes and report."""
