"""What a browser says of itself, in words that its owner knows the device by."""

from __future__ import annotations

from chatapp.html.language import gettext

# What a User-Agent header holds, the telling before the common: nearly all of them also claim to be Chrome or Safari.
_BROWSERS = (
    ("coc_coc_browser", "Cốc Cốc"),
    ("Edg", "Edge"),  # also EdgA and EdgiOS
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Vivaldi", "Vivaldi"),
    ("YaBrowser", "Yandex"),
    ("DuckDuckGo", "DuckDuckGo"),
    ("UCBrowser", "UC Browser"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chromium", "Chromium"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),  # says Linux too
    ("iPhone", "iPhone"),  # these two say Mac OS X too
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def recognise(user_agent: str) -> tuple[str, str]:
    """Return the browser and the system that a User-Agent header names, each empty if it names none we know."""
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "")
    return browser, system


def name(user_agent: str) -> str:
    """Return what to call a device in the current language."""
    browser, system = recognise(user_agent)
    if browser and system:
        return gettext("{browser} on {system}").format(browser=browser, system=system)
    return browser or system or gettext("Another device")
