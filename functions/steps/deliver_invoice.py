"""Mails the invoice with its PDF: by SMTP where SMTP_URL is set, else as an .eml file in OUTBOX_DIR.

data, all optional: ``to`` (by default the buyer's address), ``sender`` (the seller's), ``subject``, ``invoice``,
``key`` (of the artifact); ``invoiceFrom`` and ``pdfFrom`` name the steps to take the last two from, by default
``fetch_invoice`` and ``render_invoice_pdf``. The Message-ID comes from the idempotency key. If a worker dies between
sending a mail and reporting it, the mail goes out twice with the same Message-ID; in the outbox it is one file.
Result: ``{via: "smtp", server, to, messageId}`` or ``{via: "outbox", path, to, messageId}``.
"""

from __future__ import annotations

import json
import logging
import os
import smtplib
import ssl
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import SplitResult, unquote, urlsplit

from stepwell.functions.contract import Context, Event, Json
from stepwell.functions.steps._data import InvalidData, data_of, first, idempotency_key_of, result_of, text
from stepwell.functions.steps._invoice import email, find
from stepwell.functions.steps._store import NotConfigured, digest, directory, read_artifact, safe, write

RETRY = {"maxAttempts": 4, "intervalSeconds": 2, "backoffRate": 2.0, "maxDelaySeconds": 60}
TIMEOUT_SECONDS = 120

SERVER_PATIENCE_SECONDS = 20
THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})

log = logging.getLogger(__name__)


class InsecureLogin(RuntimeError):
    """The mail server offers no TLS, and a password is not sent in the clear to another machine."""


def handler(event: Event, context: Context) -> Json:
    data, invoice = data_of(event), find(event)
    content = read_artifact(_key(event))
    recipient = email(first(data.get("to"), invoice["buyer"]["email"]), "data.to")
    sender = email(first(data.get("sender"), invoice["seller"]["email"]), "data.sender")
    key = idempotency_key_of(event)
    token = digest(key or json.dumps(invoice, sort_keys=True), recipient)
    message = _message(invoice, sender, recipient, data.get("subject"))
    message["Message-ID"] = f"<{token}@{sender.rpartition('@')[2]}>"
    message.add_attachment(
        content, maintype="application", subtype="pdf", filename=f"invoice-{safe(invoice['number'])}.pdf"
    )
    url = os.environ.get("SMTP_URL")
    where = _send(message, url) if url else _put(message, f"{safe(key.partition('/')[0])}-{token}" if key else token)
    log.info("invoice %s to %s: %s", invoice["number"], recipient, where)
    return {**where, "to": recipient, "messageId": message["Message-ID"]}


def _key(event: Event) -> Json:
    data = data_of(event)
    source = data.get("pdfFrom", "render_invoice_pdf")
    rendered = result_of(event, source)
    key = first(data.get("key"), rendered.get("key") if isinstance(rendered, dict) else None)
    if key is None:
        raise InvalidData("data.key", f"the key of an artifact, unless a step named {source} came before", None)
    return key


def _message(invoice: dict[str, Json], sender: str, recipient: str, subject: Json) -> EmailMessage:
    """The mail without identity and attachment. Each of its texts is a single line, so none can add a header."""
    number, seller, buyer = invoice["number"], invoice["seller"]["name"], invoice["buyer"]["name"]
    due = f", due on {invoice['dueDate']}" if invoice["dueDate"] else ""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(seller, addr_spec=sender)
    message["To"] = Address(buyer, addr_spec=recipient)
    message["Subject"] = text(first(subject, f"Invoice {number} from {seller}"), "data.subject", longest=300)
    message["Date"] = datetime.now(UTC)
    message.set_content(
        f"Dear {buyer},\n\nattached is invoice {number} of {invoice['date']} over "
        f"{invoice['totals']['gross']} {invoice['currency']}{due}.\n\nKind regards\n{seller}\n"
    )
    return message


def _put(message: EmailMessage, name: str) -> dict[str, str]:
    """Lay the mail into the outbox. The name holds the execution's id: by that it goes when its execution goes."""
    path = directory("OUTBOX_DIR") / f"{name}.eml"
    write(path, message.as_bytes())
    return {"via": "outbox", "path": str(path)}


def _send(message: EmailMessage, url: str) -> dict[str, str]:
    """Hand the mail to the server; when this returns, the server has taken it."""
    parts = _server(url)
    with _connect(parts) as server:
        secure = parts.scheme == "smtps" or _start_tls(server, parts)
        if parts.username:
            if not secure and parts.hostname not in THIS_MACHINE:
                raise InsecureLogin(InsecureLogin.__doc__)
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)
    return {"via": "smtp", "server": f"{parts.hostname}:{_port(parts)}"}


def _server(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise NotConfigured("SMTP_URL must look like smtp://user:password@host:port or smtps://...")
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (465 if parts.scheme == "smtps" else 25)


def _connect(parts: SplitResult) -> smtplib.SMTP:
    host, port = parts.hostname or "", _port(parts)
    if parts.scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=SERVER_PATIENCE_SECONDS, context=ssl.create_default_context())
    return smtplib.SMTP(host, port, timeout=SERVER_PATIENCE_SECONDS)


def _start_tls(server: smtplib.SMTP, parts: SplitResult) -> bool:
    """Start TLS if the server offers it and is another machine. Returns whether it did."""
    server.ehlo()
    if parts.hostname in THIS_MACHINE or not server.has_extn("starttls"):
        return False
    server.starttls(context=ssl.create_default_context())
    return True
