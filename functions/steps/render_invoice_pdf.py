"""Renders the invoice as a PDF in the artifact store; the same invoice gives the same bytes under the same key.

The invoice is the data's own, or the result of step ``fetch_invoice`` (``data.invoiceFrom`` names another), or the
execution input's. Result: ``{key, uri, size, sha256, contentType, missingCharacters}``; ``uri`` is a path of
the API, whatever name a reader knows it by. The text is set in Noto Sans, which has Latin, Greek and Cyrillic letters;
what it lacks is printed as "?", logged, and listed in the result.
"""

from __future__ import annotations

import hashlib
import json
import logging

from stepwell.functions.contract import Context, Event, Json
from stepwell.functions.steps._data import idempotency_key_of
from stepwell.functions.steps._invoice import find
from stepwell.functions.steps._paper import render
from stepwell.functions.steps._store import digest, directory, safe, write

TIMEOUT_SECONDS = 60

log = logging.getLogger(__name__)


def handler(event: Event, context: Context) -> Json:
    invoice = find(event)
    content, missing = render(invoice)
    key = _key(invoice, idempotency_key_of(event))
    write(directory("ARTIFACTS_DIR") / key, content)
    if missing:
        log.warning("invoice %s: the font lacks %s", invoice["number"], " ".join(missing))
    log.info("wrote %s, %d bytes", key, len(content))
    return {
        "key": key,
        "uri": f"/artifacts/{key}",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "contentType": "application/pdf",
        "missingCharacters": missing,
    }


def _key(invoice: dict[str, Json], idempotency_key: str | None) -> str:
    """A name that a retry finds again and no other step can hit: the digest tells apart what sanitising makes alike.

    Called by itself a step has no idempotency key; then the invoice stands for itself.
    """
    owner = idempotency_key or json.dumps(invoice, sort_keys=True)
    execution = f"-{safe(idempotency_key.partition('/')[0])}" if idempotency_key else ""
    return f"invoice-{safe(invoice['number'])}{execution}-{digest(owner, invoice['number'])}.pdf"
