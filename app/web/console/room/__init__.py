"""The cockpit of a room, and the pages of sites: rooms in front of a shop."""
