"""Heavy work off the event loop: pictures in processes of their own, passwords in threads."""
