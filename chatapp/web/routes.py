"""The routes: every address, with its handler."""

from __future__ import annotations

from aiohttp import web

from chatapp.web import health, socket
from chatapp.web.account import deletion, devices, login, password, preferences
from chatapp.web.assets import static
from chatapp.web.guard import login_required as user
from chatapp.web.rooms import pictures, posting, reading, revising, rooms


def table(base: str) -> list[web.RouteDef]:
    """Return every route, below the base path."""
    get, post = web.get, web.post
    # A room and a direct conversation have the same pages below different names.
    conversations = [f"{base}/rooms/{{room:[^/]+}}", f"{base}/direct/{{direct:[^/]+}}"]  # by itself it stops at a brace
    return [
        get(f"{base}/", login.home),
        get(f"{base}/register", login.register_form),
        post(f"{base}/register", login.register),
        get(f"{base}/login", login.login_form),
        post(f"{base}/login", login.login),
        post(f"{base}/logout", login.logout),
        get(f"{base}/settings", user(preferences.show)),
        post(f"{base}/settings", user(preferences.save)),
        get(f"{base}/settings/devices", user(devices.show)),
        post(f"{base}/settings/devices/end", user(devices.end)),
        post(f"{base}/settings/devices/end-others", user(devices.end_others)),
        get(f"{base}/settings/password", user(password.show)),
        post(f"{base}/settings/password", user(password.change)),
        get(f"{base}/settings/account", user(deletion.show)),
        post(f"{base}/settings/account", user(deletion.leave)),
        get(f"{base}/goodbye", deletion.goodbye),
        post(f"{base}/language", preferences.switch_language),
        get(f"{base}/rooms", user(rooms.index)),
        get(f"{base}/people", user(rooms.people)),
        *[get(at, user(rooms.conversation)) for at in conversations],
        *[get(f"{at}/messages", user(rooms.messages)) for at in conversations],
        *[post(f"{at}/messages", user(posting.post)) for at in conversations],
        *[post(f"{at}/read", user(reading.mark)) for at in conversations],
        *[get(f"{at}/messages/{{id}}", user(rooms.permalink)) for at in conversations],
        *[get(f"{at}/messages/{{id}}/edit", user(revising.form)) for at in conversations],
        *[post(f"{at}/messages/{{id}}/edit", user(revising.edit)) for at in conversations],
        *[post(f"{at}/messages/{{id}}/remove", user(revising.remove)) for at in conversations],
        *[post(f"{at}/messages/{{id}}/restore", user(revising.restore)) for at in conversations],
        *[get(f"{at}/messages/{{id}}/versions", user(revising.versions)) for at in conversations],
        get(f"{base}/messages/{{id}}", user(rooms.message)),
        get(f"{base}/messages/{{id}}/{{more:edit|versions}}", user(rooms.message)),
        get(f"{base}/images/{{id}}", user(pictures.full)),
        get(f"{base}/images/{{id}}/thumbnail", user(pictures.thumbnail)),
        get(f"{base}/ws", socket.socket),
        get(f"{base}/healthz", health.healthz),
        get(f"{base}/readyz", health.readyz),
        get(f"{base}/favicon.ico", static.favicon),
        get(f"{base}/static/{{version}}/{{path:.+}}", static.serve),
    ]
