"""How values are written for people, and parsed from what people type. No I/O."""
