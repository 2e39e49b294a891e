"""Renders a page: template, style, script, and the headers that admit nothing else.

Every value is escaped as it is put in. Style and script stand in the page itself and are admitted by their hashes, so
that even a value that was not escaped could bring none of its own.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from stepwell.functions.contract import Event, Response, instant
from stepwell.functions.contract.rest import ApiContext
from stepwell.functions.dashboard import _excerpts, _times
from stepwell.functions.errors import StepwellError

Handler = Callable[[Event, ApiContext], Response]

LIVE_SECONDS, STILL_SECONDS = 2, 30
TEMPLATES = Path(__file__).parent / "templates"
# A file of this folder is ours, as safe as the templates beside it.
STYLE, SCRIPT = (Markup((TEMPLATES / name).read_text("utf-8")) for name in ("style.css", "refresh.js"))
FILTERS: tuple[Callable[..., Any], ...] = (
    *(_times.ago, _times.exact, instant, _times.lasting),
    *(_excerpts.beginning, _excerpts.ending, _excerpts.failure, _excerpts.in_one_line, _excerpts.of_json),
    _excerpts.size,
)
# Control characters, and those that reverse the direction of the text around them.
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")


def show(
    event: Event, template: str, *, status: int = 200, refresh: int | None = LIVE_SECONDS, **values: Any
) -> Response:
    """A template as an answer. It fetches itself again after ``refresh`` seconds, never when None."""
    made = _TEMPLATES.get_template(template).render(
        now=datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC),
        origin=origin_of(event["headers"]),
        refresh=refresh,
        **values,
    )
    return {"statusCode": status, "headers": HEADERS, "body": made}


def with_refusals(handler: Handler) -> Handler:
    """A page's handler that shows a refusal as a page to callers that accept HTML."""

    @wraps(handler)
    def shown(event: Event, context: ApiContext) -> Response:
        try:
            return handler(event, context)
        except StepwellError as refusal:
            if refusal.status >= StepwellError.status or "text/html" not in event["headers"].get("accept", ""):
                raise
            return show(event, "refusal.html", status=refusal.status, refresh=None, refusal=refusal)

    return shown


def link(*segments: str, **query: str | int | None) -> str:
    """The path of a page or an endpoint, with the query parameters that are not None."""
    encoded = urlencode({name: value for name, value in query.items() if value is not None})
    return "/" + "/".join(quote(segment, safe="") for segment in segments) + (f"?{encoded}" if encoded else "")


def visible(value: Any) -> Any:
    """A value as it is printed: control characters as pictures of them, None as an empty text."""
    if value is None:
        return ""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _UNSEEN.sub(_picture, value)


def origin_of(headers: dict[str, str]) -> str:
    """The origin in the reader's address bar. It goes into shell commands to paste, so only a plain host passes."""
    host = headers.get("host", "")
    scheme = "https" if headers.get("x-forwarded-proto") == "https" else "http"
    return f"{scheme}://{host if _HOST.fullmatch(host) else 'localhost'}"


def _picture(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"link": link, "style": STYLE, "script": SCRIPT}
    for filter_ in FILTERS:
        made.filters[filter_.__name__] = filter_
    return made


HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": (
        f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; connect-src 'self'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_TEMPLATES = _environment()
