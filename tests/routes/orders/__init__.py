"""What somebody buys: reserving, paying by each gateway, refunds, tickets, the door, files of orders."""
