"""SQL of public logs, their receipts and cosignatures."""
