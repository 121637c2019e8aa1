"""A person's own account: the way in and out, password, devices, preferences, leaving."""
