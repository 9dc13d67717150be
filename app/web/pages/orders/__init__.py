"""What buyers do with their reservations later: list them, get files and receipts, open them elsewhere, give
tickets away, take their data along.

The page of one reservation is in `sale`. Never here: anything that holds or releases a ticket.
"""
