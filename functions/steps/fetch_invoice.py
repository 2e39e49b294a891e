"""Checks the ``invoice`` of its data or of the execution's input and returns it in one form; without one, a sample.

``_invoice.py`` describes the form, the rounding and what is refused.
"""

from __future__ import annotations

import logging

from stepwell.functions.contract import Context, Event, Json
from stepwell.functions.steps._data import data_of, first, input_of
from stepwell.functions.steps._invoice import read

TIMEOUT_SECONDS = 30

SAMPLE = {
    "number": "2026-0042",
    "date": "2026-03-02",
    "dueDate": "2026-04-01",
    "currency": "EUR",
    "seller": {
        "name": "Stepwell Works GmbH",
        "address": ["Brunnenstraße 12", "10119 Berlin", "Germany"],
        "email": "billing@stepwell.example",
        "taxId": "DE123456789",
    },
    "buyer": {
        "name": "Łucja Żółć i Wspólnicy",
        "address": ["ul. Schodowa 7", "31-148 Kraków", "Poland"],
        "email": "faktury@zolc.example",
        "taxId": "PL5213017228",
    },
    "items": [
        {"description": "Durable workflow workshop, two days", "quantity": 2, "unitPrice": "1450.00", "taxRate": 19},
        {"description": "Step executions, per thousand", "quantity": "1284.5", "unitPrice": "0.035", "taxRate": 19},
        {"description": "Printed handbook", "quantity": 12, "unitPrice": "24.90", "taxRate": 7},
        {"description": "Returning customer's discount", "quantity": 1, "unitPrice": "-150.00", "taxRate": 19},
    ],
    "notes": "Please quote the invoice number with your payment. Thank you.",
}

log = logging.getLogger(__name__)


def handler(event: Event, context: Context) -> Json:
    invoice = read(first(data_of(event).get("invoice"), input_of(event, "invoice"), SAMPLE))
    log.info("invoice %s: %s %s", invoice["number"], invoice["totals"]["gross"], invoice["currency"])
    return invoice
