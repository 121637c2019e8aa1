"""Serve pictures to those who may read the conversation they were posted in."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from chatapp.web import keys, sessions

# A picture never changes under its id. Private: a shared cache must not keep what only some may see.
_CACHE = "private, max-age=31536000, immutable"


async def full(request: web.Request) -> web.StreamResponse:
    """Serve a picture in full size."""
    return await _serve(request, thumbnail=False)


async def thumbnail(request: web.Request) -> web.StreamResponse:
    """Serve the small form of a picture."""
    return await _serve(request, thumbnail=True)


async def _serve(request: web.Request, *, thumbnail: bool) -> web.StreamResponse:
    me, pictures = sessions.me(request), request.app[keys.pictures]
    picture = await pictures.read(me, request.match_info["id"], thumbnail=thumbnail)
    return web.Response(
        body=picture.data,
        content_type=picture.mime,
        headers={
            "Cache-Control": _CACHE,
            "Content-Disposition": f"inline; filename*=UTF-8''{quote(picture.name, safe='')}",
            # Even opened by itself, a picture can run and load nothing.
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
        },
    )
