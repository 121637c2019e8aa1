"""The outside: pages, forms and the socket. aiohttp lives here and in the roof only."""
