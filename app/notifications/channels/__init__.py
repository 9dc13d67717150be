"""The channels by which others are told of changes, one file each."""
