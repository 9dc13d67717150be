"""SQL of alerts, histories and figures."""
