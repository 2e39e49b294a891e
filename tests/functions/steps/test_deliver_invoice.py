import base64
import os
import smtplib
import socketserver
import ssl
import threading
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from stepwell.functions.steps import deliver_invoice
from stepwell.functions.steps._data import InvalidData
from stepwell.functions.steps._store import ArtifactMissing, NotConfigured
from stepwell.functions.steps.fetch_invoice import SAMPLE
from tests.functions.steps.events import step_event

PDF = b"%PDF-1.4 \x00\xff not quite"


class MailServer(socketserver.ThreadingTCPServer):
    """An SMTP server that keeps ``logins`` and each (sender, recipient, message)."""

    daemon_threads = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Session)
        self.mails, self.logins, self.replies, self.offers = [], [], {}, ("AUTH PLAIN",)

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"


class Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.say("220 ready")
        sender = recipient = None
        for raw in self.rfile:
            line = raw.decode().strip()
            word = line.partition(" ")[0].upper()
            if word in self.server.replies:
                self.say(self.server.replies[word])
            elif word == "EHLO":
                for line in ("here", *self.server.offers[:-1]):
                    self.say(f"250-{line}")
                self.say(f"250 {self.server.offers[-1] if self.server.offers else '8BITMIME'}")
            elif word == "AUTH":
                self.server.logins.append(base64.b64decode(line.split()[2]).decode().split("\0")[1:])
                self.say("235 welcome")
            elif word == "MAIL":
                sender = line
                self.say("250 ok")
            elif word == "RCPT":
                recipient = line
                self.say("250 ok")
            elif word == "DATA":
                self.say("354 go on")
                self.server.mails.append((sender, recipient, b"".join(iter(self.rfile.readline, b".\r\n"))))
                self.say("250 taken")
            else:
                self.say("221 bye" if word == "QUIT" else "250 ok")


@pytest.fixture
def server():
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def directories(tmp_path, monkeypatch):
    for name in ("ARTIFACTS_DIR", "OUTBOX_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
        (tmp_path / name).mkdir()
    (tmp_path / "ARTIFACTS_DIR" / "invoice.pdf").write_bytes(PDF)
    monkeypatch.delenv("SMTP_URL", raising=False)
    return tmp_path


def deliver(data=None, retry=0, invoice=SAMPLE, **members):
    results = {"fetch_invoice": invoice, "render_invoice_pdf": {"key": "invoice.pdf"}}
    event = step_event(data, name="deliver", retry=retry, **{"results": results, **members})
    return deliver_invoice.handler(event, None)


def mail_of(raw):
    return message_from_bytes(raw, policy=default)


def check(mail, to="faktury@zolc.example"):
    assert mail["From"].addresses[0].addr_spec == "billing@stepwell.example"
    assert [address.addr_spec for address in mail["To"].addresses] == [to]
    assert mail["Subject"] == "Invoice 2026-0042 from Stepwell Works GmbH"
    assert "3645.72 EUR, due on 2026-04-01" in mail.get_body().get_content()
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("invoice-2026-0042.pdf", "application/pdf")
    assert attached.get_content() == PDF


def test_without_a_server_the_mail_lies_in_the_outbox():
    result = deliver()
    mail = mail_of(Path(result["path"]).read_bytes())
    check(mail)
    assert mail["To"].addresses[0].display_name == "Łucja Żółć i Wspólnicy"
    assert result == {
        "via": "outbox",
        "path": result["path"],
        "to": "faktury@zolc.example",
        "messageId": mail["Message-ID"],
    }


def test_a_second_delivery_is_the_same_mail(directories):
    assert deliver() == deliver(retry=1)
    assert len(os.listdir(directories / "OUTBOX_DIR")) == 1


def test_another_step_and_another_recipient_are_other_mails():
    ids = {deliver()["messageId"], deliver({"to": "a@b.example"})["messageId"]}
    ids.add(deliver_invoice.handler({"data": {"invoice": SAMPLE, "key": "invoice.pdf"}}, None)["messageId"])
    assert len(ids) == 3


def test_with_a_server_it_takes_the_mail(server, monkeypatch, directories):
    monkeypatch.setenv("SMTP_URL", f"smtp://{server.address}")
    result = deliver()
    ((sender, recipient, raw),) = server.mails
    check(mail_of(raw))
    assert sender.startswith("mail FROM:<billing@stepwell.example>")
    assert recipient == "rcpt TO:<faktury@zolc.example>"
    assert (result["via"], result["server"]) == ("smtp", server.address)
    assert result["messageId"] == mail_of(raw)["Message-ID"]
    assert os.listdir(directories / "OUTBOX_DIR") == []
    assert server.logins == []


def test_the_login_is_the_urls_and_is_not_told(server, monkeypatch):
    monkeypatch.setenv("SMTP_URL", f"smtp://anna%40x:p%3Aw@{server.address}")
    result = deliver()
    assert server.logins == [["anna@x", "p:w"]]
    assert "p:w" not in str(result)
    assert "p%3Aw" not in str(result)


def test_a_password_does_not_go_to_another_machine_in_the_clear(server, monkeypatch):
    monkeypatch.setattr(deliver_invoice, "THIS_MACHINE", frozenset())
    monkeypatch.setenv("SMTP_URL", f"smtp://anna:pw@{server.address}")
    with pytest.raises(deliver_invoice.InsecureLogin):
        deliver()
    assert server.logins == server.mails == []


def test_tls_that_is_offered_and_then_fails_is_not_gone_without(server, monkeypatch):
    monkeypatch.setattr(deliver_invoice, "THIS_MACHINE", frozenset())
    server.offers, server.replies = ("STARTTLS",), {"STARTTLS": "454 not now"}
    monkeypatch.setenv("SMTP_URL", f"smtp://{server.address}")
    with pytest.raises(smtplib.SMTPResponseException, match="not now"):
        deliver()
    assert server.mails == []


def test_smtps_speaks_no_clear_text(server, monkeypatch):
    monkeypatch.setenv("SMTP_URL", f"smtps://{server.address}")
    with pytest.raises(ssl.SSLError):
        deliver()
    assert server.mails == []


def test_a_refused_recipient_is_an_error(server, monkeypatch):
    server.replies = {"RCPT": "550 nobody"}
    monkeypatch.setenv("SMTP_URL", f"smtp://{server.address}")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        deliver()


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://"])
def test_an_address_of_a_server_that_is_none_is_said(monkeypatch, url):
    monkeypatch.setenv("SMTP_URL", url)
    with pytest.raises(NotConfigured, match="SMTP_URL must look like"):
        deliver()


def test_data_overrides(directories):
    (directories / "ARTIFACTS_DIR" / "other.pdf").write_bytes(b"other")
    data = {"to": "x@y.example", "sender": "me@home.example", "subject": "Hi\r\nBcc: evil@x", "key": "other.pdf"}
    mail = mail_of(Path(deliver(data)["path"]).read_bytes())
    assert (mail["To"].addresses[0].addr_spec, mail["From"].addresses[0].addr_spec) == (data["to"], data["sender"])
    assert (mail["Subject"], mail["Bcc"]) == ("Hi Bcc: evil@x", None)
    assert next(mail.iter_attachments()).get_content() == b"other"


def test_earlier_steps_may_have_other_names_or_be_children():
    children = [{"name": "mine", "result": SAMPLE}, {"name": "paint", "result": {"key": "invoice.pdf"}}]
    assert deliver({"invoiceFrom": "mine", "pdfFrom": "paint"}, results={}, children=children)["via"] == "outbox"


def test_names_cannot_add_a_header():
    buyer = {**SAMPLE["buyer"], "name": "Anna\r\nBcc: evil@x.example"}
    mail = mail_of(Path(deliver(invoice={**SAMPLE, "buyer": buyer})["path"]).read_bytes())
    assert mail["Bcc"] is None
    assert mail["To"].addresses[0].display_name == "Anna Bcc: evil@x.example"


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"to": "a@b\r\nBcc: c@d"}, "data.to must be a mail address"),
        ({"to": "a@b, c@d"}, "data.to must be a mail address"),
        ({"sender": 5}, "data.sender must be a mail address"),
        ({"subject": ["x"]}, "data.subject must be a text"),
        ({"key": "../../etc/passwd"}, "the artifact's key must be"),
        ({"pdfFrom": "nobody"}, "data.key must be the key of an artifact"),
    ],
)
def test_bad_data_is_named_and_nothing_is_sent(directories, data, named):
    with pytest.raises(InvalidData) as caught:
        deliver(data)
    assert str(caught.value).startswith(named)
    assert os.listdir(directories / "OUTBOX_DIR") == []


def test_a_buyer_without_address_needs_one():
    with pytest.raises(InvalidData, match=r"data\.to must be a mail address"):
        deliver(invoice={**SAMPLE, "buyer": {"name": "Anna"}})


def test_an_artifact_that_is_gone_is_said():
    with pytest.raises(ArtifactMissing, match=r"gone\.pdf"):
        deliver({"key": "gone.pdf"})
