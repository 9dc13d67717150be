"""SQL of rooms, places and turns."""
