"""A person's own account: log-in, password, devices, preferences, deletion."""
