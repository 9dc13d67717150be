"""What accounts may do, and how people prove who they are. No I/O."""
