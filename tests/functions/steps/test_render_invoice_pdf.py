import hashlib
import io
import logging
import os
from datetime import UTC, datetime

import pytest
from pypdf import PdfReader

from stepwell.functions.steps import render_invoice_pdf
from stepwell.functions.steps._data import InvalidData
from stepwell.functions.steps._invoice import read
from stepwell.functions.steps._store import NotConfigured
from stepwell.functions.steps.fetch_invoice import SAMPLE
from tests.functions.steps.events import EXECUTION, step_event


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path))
    return tmp_path


def render(name="render_invoice_pdf", retry=0, **changes):
    return render_invoice_pdf.handler(step_event({"invoice": {**SAMPLE, **changes}}, name=name, retry=retry), None)


def pages(store, result):
    return [page.extract_text() for page in PdfReader(io.BytesIO((store / result["key"]).read_bytes())).pages]


def test_it_writes_a_pdf_and_tells_what_it_wrote(store):
    result = render_invoice_pdf.handler(step_event(results={"fetch_invoice": read(SAMPLE)}), None)
    content = (store / result["key"]).read_bytes()
    assert result == {
        "key": result["key"],
        "uri": f"/artifacts/{result['key']}",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "contentType": "application/pdf",
        "missingCharacters": [],
    }
    assert content.startswith(b"%PDF-")
    assert result["key"].startswith(f"invoice-2026-0042-{EXECUTION}-")


def test_the_page_says_what_the_invoice_says(store):
    result = render()
    (page,) = pages(store, result)
    for words in (
        "Łucja Żółć i Wspólnicy", "Brunnenstraße 12", "2026-03-02", "2,900.00", "1,284.5", "0.035", "-150.00",
        "Tax 19 % of 2,794.96", "531.04", "3,645.72 EUR", "Page 1 of 1", "Please quote the invoice number",
    ):  # fmt: skip
        assert words in page
    about = PdfReader(store / result["key"]).metadata
    assert (about.title, about.author) == ("Invoice 2026-0042", "Stepwell Works GmbH")
    assert about.creation_date == datetime(2026, 3, 2, tzinfo=UTC)


def test_a_retry_writes_the_same_bytes_over_its_own_file(store):
    first, again = render(), render(retry=1)
    assert first == again
    assert os.listdir(store) == [first["key"]]


def test_nobody_writes_over_anothers_file(store):
    keys = {
        render()["key"],
        render(name="render-2")["key"],
        render(number="2026/0042")["key"],
        render(number="2026.0042")["key"],
        render_invoice_pdf.handler({"data": {"invoice": SAMPLE}}, None)["key"],
        render_invoice_pdf.handler({"data": {"invoice": {**SAMPLE, "notes": "other"}}}, None)["key"],
    }
    assert len(keys) == 6
    assert sorted(os.listdir(store)) == sorted(keys)


def test_what_a_caller_names_cannot_leave_the_store(store):
    event = step_event({"invoice": {**SAMPLE, "number": "../../../evil"}})
    event["step"]["idempotencyKey"] = "../../x/../y"
    key = render_invoice_pdf.handler(event, None)["key"]
    assert os.listdir(store) == [key]
    assert ".." not in key


def test_a_long_list_goes_on_with_its_heading_and_loses_nothing(store):
    items = [{"description": f"Thing-{n:03}", "unitPrice": n, "taxRate": n % 3} for n in range(120)]
    found = pages(store, render(items=items))
    assert len(found) > 3
    assert all("Description" in page for page in found[:-1])
    assert all(f"Page {n} of {len(found)}" in page for n, page in enumerate(found, 1))
    assert all("Invoice 2026-0042" in page for page in found[1:])
    assert all(any(item["description"] in page for page in found) for item in items)
    assert "Total" in found[-1]


def test_a_word_without_end_is_broken(store):
    text = "".join(pages(store, render(items=[{"description": "Ж" * 500, "unitPrice": 1}])))
    assert text.count("Ж") == 500


def test_greek_and_cyrillic_are_set(store):
    result = render(buyer={"name": "Ελλάς Москва Việt Nam €"})
    assert "Ελλάς Москва Việt Nam €" in pages(store, result)[0]
    assert result["missingCharacters"] == []


def test_what_the_font_lacks_is_a_question_mark_and_is_told(store, caplog):
    caplog.set_level(logging.WARNING)
    result = render(buyer={"name": "東京 Kaisha"}, notes="🙂")
    assert "?? Kaisha" in pages(store, result)[0]
    assert result["missingCharacters"] == ["京", "東", "🙂"]
    assert [record.name for record in caplog.records] == ["stepwell.functions.steps.render_invoice_pdf"]


def test_an_invoice_is_needed_and_checked(store):
    with pytest.raises(InvalidData, match=r"data\.invoice must be an invoice"):
        render_invoice_pdf.handler(step_event(), None)
    with pytest.raises(InvalidData, match=r"invoice\.date must be a date"):
        render(date="soon")
    assert os.listdir(store) == []


def test_without_a_store_it_says_which_variable_is_missing(monkeypatch):
    monkeypatch.delenv("ARTIFACTS_DIR", raising=False)
    with pytest.raises(NotConfigured, match="ARTIFACTS_DIR"):
        render()
