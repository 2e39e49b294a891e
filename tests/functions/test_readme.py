"""The README's two files are found by their constants, and run unchanged."""

import json
import re
from pathlib import Path

import pytest

from stepwell.runtime.catalog.catalog import Catalog

README = Path(__file__).resolve().parents[2] / "functions" / "README.md"


def source_of(path):
    """The first code block after this path's mention."""
    found = re.search(rf"`{re.escape(path)}`:\n\n```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert found, f"the README shows no {path}"
    return found[1]


def load(path):
    module = {}
    exec(source_of(path), module)
    return module


@pytest.fixture
def catalog(tmp_path):
    for path in ("mine/steps/charge.py", "mine/api/charge_order.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(source_of(path))
    return Catalog.load([tmp_path / "mine"])


def test_both_are_found_with_what_they_say(catalog):
    charge = catalog.steps["charge"]
    assert (charge.summary, charge.timeout_seconds) == ("Charges the customer's card.", 20)
    assert charge.retry["maxAttempts"] == 4
    assert "POST /orders/{id}/charge" in {function.route for function in catalog.functions}


def test_the_step_charges_or_declines():
    module = load("mine/steps/charge.py")
    event = {
        "data": {"limit": 500},
        "results": {"fetch_order": {"amount": 20}},
        "step": {"name": "charge", "retry": 0, "idempotencyKey": "e/charge"},
    }
    assert module["handler"](event, None) == {"charged": 20, "key": "e/charge"}
    with pytest.raises(module["CardDeclined"], match="20 is more than 5"):
        module["handler"]({**event, "data": {"limit": 5}}, None)


def test_the_endpoint_answers():
    event = {"body": json.dumps({"amount": 3}), "pathParameters": {"id": "7"}}
    assert load("mine/api/charge_order.py")["handler"](event, None) == {"charged": 3, "order": "7"}
