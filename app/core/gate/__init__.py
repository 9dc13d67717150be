"""Which requests to other sites pass the gate, and the formats that connectors speak. No I/O."""
