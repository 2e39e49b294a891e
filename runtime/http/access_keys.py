"""Access keys: if there are any, only ``/health`` is answered without one.

A key is an id and a secret. AWS's clients sign with it. Others send both: as a bearer token ``id:secret``, or by HTTP's
Basic scheme, because browsers prompt their user for it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_address

from stepwell.functions.errors import Unauthenticated
from stepwell.runtime.http import sigv4
from stepwell.runtime.http.request import Request, is_dated, origin_form
from stepwell.runtime.http.sigv4 import Signed

Proof = Callable[[bytes], None]

OPEN_PATHS = ("/health",)
REFUSAL = (
    "Stepwell does not listen on {address} without access keys: whoever reaches it could run code on this machine. "
    "Set STEPWELL_ACCESS_KEYS=id:secret and give the same to its callers, or listen on 127.0.0.1 (docs/operations.md)."
)


class AccessKeys:
    """The access keys: secrets by ids. Without any, every request is answered."""

    def __init__(self, keys: Mapping[str, str], clock: Callable[[], datetime]) -> None:
        self._keys = keys
        self._clock = clock

    def proof(self, request: Request) -> Proof:
        """Check a request before its body is read. The result checks the body. Both raise Unauthenticated."""
        path, _, query = origin_form(request.target).partition("?")
        if not self._keys or path in OPEN_PATHS:
            return lambda body: None
        signed = Signed(request.method, path, query, request.headers)
        claim = sigv4.claim_of(signed)
        if claim is None:
            self._check_token(request.headers.get("authorization", ""))
            return lambda body: None
        sigv4.check_names(signed, claim)
        if service := _service_at(request.method, path):
            sigv4.check_service(claim, service)
        sigv4.check_time(claim, self._clock())
        secret = self._keys.get(claim.key_id)
        if secret is None:
            raise Unauthenticated(
                "The security token included in the request is invalid.", code="UnrecognizedClientException"
            )
        return lambda body: sigv4.check_signature(signed, claim, secret, body)

    def _check_token(self, authorization: str) -> None:
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() not in ("bearer", "basic"):
            raise Unauthenticated(code="MissingAuthenticationTokenException")
        token = given.strip() if scheme.lower() == "bearer" else _decoded(given)
        key_id, _, secret = token.partition(":")
        known = self._keys.get(key_id)
        is_right = hmac.compare_digest((known or "").encode(), secret.encode())
        if known is None or not is_right:
            raise Unauthenticated(
                "The security token included in the request is invalid.", code="UnrecognizedClientException"
            )


def _service_at(method: str, path: str) -> str | None:
    """AWS's service that a request is for. None for our own API, which takes a signature for any service."""
    if is_dated(path):
        return "lambda"
    return "states" if method == "POST" and path in ("", "/") else None


def check_address(host: str, keys: Mapping[str, str]) -> None:
    """Raises ValueError, with instructions, for an address that other machines reach while there are no keys."""
    if not keys and not _is_loopback(host):
        raise ValueError(REFUSAL.format(address=host))


def _is_loopback(host: str) -> bool:
    if host.startswith("/") or host == "localhost":  # the rights of a socket in the file system guard it
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
