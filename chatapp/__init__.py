"""Real-time chat for your own network: one command, one port, one file."""

__version__ = "1.0.0"
