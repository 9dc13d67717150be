"""A seed yields steps. A small model and the real engine take them side by side and agree after each one."""
