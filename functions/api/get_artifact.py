"""Download a file that a step wrote to the artifact store."""

from __future__ import annotations

import base64
from urllib.parse import quote

from stepwell.functions.contract import Event, Response, path_of
from stepwell.functions.contract.rest import ApiContext
from stepwell.functions.errors import NotFound

ROUTE = "GET /artifacts/{key+}"
ANSWERS = {200: {"contentMediaType": "application/octet-stream"}}

# What a browser may show in place. SVG and HTML are documents that can run scripts on our origin: they are downloads.
SHOWN = ("application/pdf", "text/plain", "text/csv", "image/png", "image/jpeg", "image/gif", "image/webp")


def handler(event: Event, context: ApiContext) -> Response:
    key = path_of(event, "key")
    if not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise NotFound()
    content, media_type = context.artifacts.read(key)
    return {
        "statusCode": 200,
        "headers": _headers(key.rpartition("/")[2], media_type),
        "body": base64.b64encode(content).decode("ascii"),
        "isBase64Encoded": True,
    }


def _headers(name: str, media_type: str) -> dict[str, str]:
    plain = media_type.partition(";")[0].strip().lower()
    place = "inline" if plain in SHOWN else "attachment"
    headers = {
        "content-type": media_type,
        "content-disposition": f"{place}; filename*=UTF-8''{quote(name, safe='')}",
        "x-content-type-options": "nosniff",
    }
    # A browser's own PDF viewer does not start in a sandbox, and runs no script of ours.
    return (
        headers if plain == "application/pdf" else {**headers, "content-security-policy": "default-src 'none'; sandbox"}
    )
