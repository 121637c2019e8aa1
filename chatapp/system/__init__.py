"""The machine: the clock, files, locks, logs, and what the operating system allows."""
