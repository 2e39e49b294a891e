"""Verifies AWS's Signature Version 4, in a header or presigned in the query.

Pure: the time is an argument. Source: AWS General Reference, "AWS Signature Version 4 for API requests" (canonical
request, string to sign, signing key; a signature is valid for five minutes, a presigned one for as long as it says).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from stepwell.functions.errors import Unauthenticated

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=5)
LONGEST = 7 * 24 * 3600
"""The longest validity of a presigned request, in seconds: a week."""

_STAMP = "%Y%m%dT%H%M%SZ"
_STAMPED = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_SEALED = re.compile(r"[0-9a-f]{64}")
_SCOPE = re.compile(r"([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request", re.ASCII)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True)
class Signed:
    """The signed parts of a request: ``path`` and ``query`` as in the target, headers by lower-case name."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Claim:
    """A request's statements on its signature. ``seconds`` is the validity of a presigned one; None in a header."""

    key_id: str
    scope: tuple[str, str, str]
    stamp: str
    names: tuple[str, ...]
    signature: str
    seconds: int | None = None


def incomplete(why: str) -> Unauthenticated:
    """The error for a signature with missing or malformed parts."""
    return Unauthenticated(why, code="IncompleteSignatureException")


def claim_of(request: Signed) -> Claim | None:
    """The signature of a request, or None. Raises Unauthenticated for an incomplete one."""
    given = request.headers.get("authorization", "")
    if given.startswith(f"{ALGORITHM} "):
        parts = dict(part.strip().partition("=")[::2] for part in given.removeprefix(ALGORITHM).split(","))
        stamp = request.headers.get("x-amz-date", "")
        return _claim(parts, "Credential", "SignedHeaders", "Signature", stamp, None)
    parameters = {unquote(name): unquote(value) for name, value in _pairs(request.query)}
    if parameters.get("X-Amz-Algorithm") != ALGORITHM:
        return None
    lasts = parameters.get("X-Amz-Expires", "")
    if not (lasts.isascii() and lasts.isdigit() and len(lasts) < 9 and 1 <= int(lasts) <= LONGEST):
        raise incomplete(f"X-Amz-Expires must be a number of seconds from 1 to {LONGEST}.")
    names = ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature")
    return _claim(parameters, *names, parameters.get("X-Amz-Date", ""), int(lasts))


def check_time(claim: Claim, now: datetime) -> None:
    """Raises Unauthenticated for a signature that is too old, or not valid yet."""
    signed_at = datetime.strptime(claim.stamp, _STAMP).replace(tzinfo=UTC)
    if signed_at - now > SKEW:
        latest, present = _stamp(now + SKEW), _stamp(now)
        why = f"Signature not yet current: {claim.stamp} is still later than {latest} ({present} + 5 min.)"
        raise Unauthenticated(why, code="InvalidSignatureException")
    good_for = SKEW if claim.seconds is None else timedelta(seconds=claim.seconds)
    if now - signed_at > good_for:
        why = f"Signature expired: {claim.stamp} is now earlier than {_stamp(now - good_for)}"
        raise Unauthenticated(why, code="InvalidSignatureException")


def check_service(claim: Claim, service: str) -> None:
    """Raises Unauthenticated for a signature for another of AWS's services. Any region passes."""
    if claim.scope[2] != service:
        why = f"Credential should be scoped to correct service: '{service}'."
        raise Unauthenticated(why, code="InvalidSignatureException")


def check_signature(request: Signed, claim: Claim, secret: str, body: bytes) -> None:
    """Raises Unauthenticated unless this secret signed exactly this request and this body.

    The hash is computed from the body itself: a header with a hash is not trusted.
    """
    digest = hashlib.sha256(body).hexdigest()
    wanted = _signature(secret, claim, _canonical(request, claim, digest))
    if not hmac.compare_digest(wanted, claim.signature):
        raise Unauthenticated(_MISMATCH, code="InvalidSignatureException")


def _claim(
    given: Mapping[str, str], credential: str, headers: str, signature: str, stamp: str, seconds: int | None
) -> Claim:
    scope = _SCOPE.fullmatch(given.get(credential, ""))
    names = tuple(given.get(headers, "").split(";"))
    if scope is None or not _SEALED.fullmatch(given.get(signature, "")):
        raise incomplete(f"The request needs {credential}, {headers} and {signature} as Signature Version 4 has them.")
    if not _STAMPED.fullmatch(stamp) or not _is_time(stamp) or stamp[:8] != scope[2]:
        raise incomplete("The request needs X-Amz-Date as 20261124T000000Z, of the day in its credential.")
    return Claim(scope[1], (scope[2], scope[3], scope[4]), stamp, names, given[signature], seconds)


def check_names(request: Signed, claim: Claim) -> None:
    """Raises Unauthenticated if a header that decides the operation is not signed."""
    needed = {"host"} | {name for name in request.headers if name.startswith("x-amz-")}
    if missing := sorted(needed - set(claim.names)):
        raise incomplete(f"These headers must be signed: {', '.join(missing)}.")
    if list(claim.names) != sorted(set(claim.names)) or not request.headers.keys() >= set(claim.names):
        raise incomplete("SignedHeaders must name headers of the request, each once, in their order.")


def _signature(secret: str, claim: Claim, canonical: str) -> str:
    scope = "/".join((*claim.scope, "aws4_request"))
    text = "\n".join((ALGORITHM, claim.stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in (*claim.scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _canonical(request: Signed, claim: Claim, digest: str) -> str:
    headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in claim.names)
    names = ";".join(claim.names)
    return "\n".join((request.method, _path(request.path), _query(request.query), headers, names, digest))


def _path(path: str) -> str:
    """The path for signing: without empty and dot segments, and encoded twice, as for all services but S3."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return quote("/" + "/".join(kept) + end, safe="/~")


def _query(query: str) -> str:
    encoded = sorted(
        (quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")) for name, value in _pairs(query)
    )
    return "&".join(f"{name}={value}" for name, value in encoded if name != "X-Amz-Signature")


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)]


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime(_STAMP)


def _is_time(stamp: str) -> bool:
    try:
        datetime.strptime(stamp, _STAMP)
    except ValueError:
        return False
    return True
