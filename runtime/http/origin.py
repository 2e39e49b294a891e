"""Checks the host and the origin of a request, against web pages that attack a local server.

There may be no login, and every page in a browser on this machine can reach us. A hostile page uses a name of its own
that resolves to our address (DNS rebinding), or sends requests from its own site. An address always leads to one
machine, so any address is accepted as a host; of names, only our own are.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from stepwell.functions.errors import CrossSite, UnknownHost
from stepwell.runtime.http.request import Request, host_of

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
ANY_HOST = "*"
_OWN_PAGES = ("same-origin", "none")
_SHOWN = 80
_AUTHORITY_ENDS = re.compile("[/?#]")


class Origins:
    """Our own names: the host in ``url``, by which handlers reach the API, and ``hosts``. ``*`` accepts any host."""

    def __init__(self, url: str, hosts: Collection[str] = ()) -> None:
        self._names = {urlsplit(url).hostname, *hosts}

    def check(self, request: Request, changes: bool = False) -> None:
        """Raises UnknownHost and CrossSite. A request without a host passes, and so does one from no browser.

        ``changes`` says that the request changes something although its method is a safe one.
        """
        host = request.headers.get("host", "")
        if host and not self._is_ours(host_of(host)):
            raise UnknownHost(f"Nothing here is called {host[:_SHOWN]!r}.", hint="set STEPWELL_URL or STEPWELL_HOSTS")
        if (changes or request.method not in SAFE_METHODS) and not _is_own_page(request, host):
            raise CrossSite()

    def _is_ours(self, name: str) -> bool:
        if ANY_HOST in self._names or name in self._names:
            return True
        return name == "localhost" or name.endswith(".localhost") or _is_address(name)


def _is_own_page(request: Request, host: str) -> bool:
    """Whether one of our own pages sent the request, or no page at all.

    Browsers name the origin of a page in one or both headers, Sec-Fetch-Site only to https and this machine, and Origin
    only where the method is no safe one: there the page's address stands for it, unless the page withholds it.
    """
    if request.headers.get("sec-fetch-site", "none") not in _OWN_PAGES:
        return False
    origin = request.headers.get("origin")
    if origin is None and request.method in SAFE_METHODS:
        # Not urlsplit: it raises for some texts, and a client may send any.
        scheme, mark, page = request.headers.get("referer", "").partition("://")
        origin = f"{scheme}{mark}{_AUTHORITY_ENDS.split(page)[0]}" if mark else None
    return origin is None or origin.lower().partition("://")[2] == host.lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
