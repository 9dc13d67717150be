"""The commands of the command line, kept thin: each one calls an operation or starts a process."""
