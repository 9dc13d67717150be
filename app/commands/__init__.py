"""The commands of the command line, thin: each one calls an operation or starts a process."""
