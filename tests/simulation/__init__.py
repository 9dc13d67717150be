"""A seed yields steps; a small model and the real engine take them side by side and must agree after each."""
