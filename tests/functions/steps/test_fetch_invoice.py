import pytest

from stepwell.functions.steps import fetch_invoice
from stepwell.functions.steps._data import InvalidData
from tests.functions.steps.events import step_event


def test_without_an_invoice_the_sample_comes_counted():
    invoice = fetch_invoice.handler({}, None)
    assert invoice["number"] == "2026-0042"
    assert [item["net"] for item in invoice["items"]] == ["2900.00", "44.96", "298.80", "-150.00"]
    assert {name: invoice["totals"][name] for name in ("net", "tax", "gross")} == {
        "net": "3093.76",
        "tax": "551.96",
        "gross": "3645.72",
    }


def test_the_executions_input_is_taken_and_the_data_before_it():
    given = {**fetch_invoice.SAMPLE, "number": "A-1"}
    assert fetch_invoice.handler(step_event(input={"invoice": given}), None)["number"] == "A-1"
    event = step_event({"invoice": {**given, "number": "B-2"}}, input={"invoice": given})
    assert fetch_invoice.handler(event, None)["number"] == "B-2"


@pytest.mark.parametrize("empty", [{}, "", [], False])
def test_a_broken_invoice_is_not_taken_for_none(empty):
    with pytest.raises(InvalidData, match=r"invoice"):
        fetch_invoice.handler(step_event({"invoice": empty}), None)
