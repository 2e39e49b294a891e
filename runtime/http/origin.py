"""Whom this house answers: the names it goes by, and the pages that may change something in it.

There is no login, and every page that a browser on this machine opens is in reach of us. Such a page comes under a name
of its own that it has made lead here (DNS rebinding), or asks from its own site. An address cannot be made to lead
anywhere else, so any is taken; of names, only those that are known to be ours.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from stepwell.functions.errors import CrossSite, UnknownHost
from stepwell.runtime.http.request import Request, host_of

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
ANY_HOST = "*"
_OWN_PAGES = ("same-origin", "none")
_SHOWN = 80


class Origins:
    """``url`` is where handlers reach the API, ``hosts`` what else the house is called; ``*`` there means anything."""

    def __init__(self, url: str, hosts: Collection[str] = ()) -> None:
        self._names = {urlsplit(url).hostname, *hosts}

    def check(self, request: Request) -> None:
        """Raises UnknownHost and CrossSite. A client that names no host, and one that is no browser, may ask."""
        host = request.headers.get("host", "")
        if host and not self._is_ours(host_of(host)):
            raise UnknownHost(f"Nothing here is called {host[:_SHOWN]!r}.", hint="set STEPWELL_URL or STEPWELL_HOSTS")
        if request.method not in SAFE_METHODS and not _is_own_page(request, host):
            raise CrossSite()

    def _is_ours(self, name: str) -> bool:
        if ANY_HOST in self._names or name in self._names:
            return True
        return name == "localhost" or name.endswith(".localhost") or _is_address(name)


def _is_own_page(request: Request, host: str) -> bool:
    """Browsers say where a page is from by one header or both; the first not to a plain-text site on the network."""
    if request.headers.get("sec-fetch-site", "none") not in _OWN_PAGES:
        return False
    origin = request.headers.get("origin")
    return origin is None or origin.lower().partition("://")[2] == host.lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
