"""Bytes: HTTP connections, the handshake and the frames of WebSockets."""
