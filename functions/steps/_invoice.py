"""Reads an invoice: checks its fields, keeps its amounts exact, counts its totals.

Amounts, quantities and rates come as JSON numbers or as texts such as "19.99"; a number means the decimal it is written
as. They leave as texts, which no reader can round. A line's net is quantity x unit price, rounded half up to the
currency's smallest unit; tax is counted for each rate on the sum of its lines, and rounded once (EN 16931 does so).
Totals and line nets that an invoice brings with it must be the ones counted here. Unknown fields are refused, since a
misspelt ``taxRate`` would cost money. An invoice that was read once reads the same again.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext

from stepwell.functions.contract import Event, Json
from stepwell.functions.steps._data import (
    InvalidData,
    data_of,
    first,
    input_of,
    mapping,
    optional_text,
    result_of,
    text,
)

FIELDS = frozenset(
    {"number", "date", "dueDate", "currency", "seller", "buyer", "items", "notes", "totals"},
)
PARTY_FIELDS = frozenset({"name", "address", "email", "taxId"})
ITEM_FIELDS = frozenset({"description", "quantity", "unitPrice", "taxRate", "net"})
TOTAL_FIELDS = frozenset({"net", "tax", "gross", "taxes"})
MOST_ITEMS = 1000
LONGEST_ADDRESS = 6
LARGEST_NET = Decimal(10) ** 12

WITHOUT_DECIMALS = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())
WITH_THREE_DECIMALS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())

_AMOUNT = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,6})?")
_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@([A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}")


def find(event: Event) -> dict[str, Json]:
    """The invoice for a step: from its data, else the result of ``fetch_invoice``, else from the execution's input."""
    data = data_of(event)
    source = data.get("invoiceFrom", "fetch_invoice")
    found = first(data.get("invoice"), result_of(event, source), input_of(event, "invoice"))
    if found is None:
        raise InvalidData("data.invoice", f"an invoice, unless a step named {source} came before", None)
    return read(found)


def read(raw: Json) -> dict[str, Json]:
    """The invoice in its one form. Raises InvalidData, which names the field at fault."""
    source = mapping(raw, "invoice", FIELDS)
    currency, issued = _currency(source.get("currency")), _date(source.get("date"), "invoice.date")
    with localcontext(prec=60, rounding=ROUND_HALF_UP):
        items = [_item(item, f"invoice.items[{at}]", _unit(currency)) for at, item in enumerate(_items(source))]
        totals = _totals(items, _unit(currency))
    _check_stated(source.get("totals"), totals)
    return {
        "number": text(source.get("number"), "invoice.number", longest=64),
        "date": issued,
        "dueDate": _due(source.get("dueDate"), issued),
        "currency": currency,
        "seller": _party(source.get("seller"), "invoice.seller"),
        "buyer": _party(source.get("buyer"), "invoice.buyer"),
        "items": items,
        "totals": totals,
        "notes": optional_text(source.get("notes"), "invoice.notes", longest=2000),
    }


def email(value: Json, field: str) -> str:
    """A mail address as SMTP takes it without extensions: ASCII, and nothing in it that could end a header."""
    if not isinstance(value, str) or not _EMAIL.fullmatch(value):
        raise InvalidData(field, "a mail address in ASCII, such as anna@example.com", value)
    return value


def _currency(value: Json) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{3}", value):
        raise InvalidData("invoice.currency", "a currency's three letters, such as EUR", value)
    return value


def _unit(currency: str) -> Decimal:
    """The smallest amount of a currency."""
    decimals = 0 if currency in WITHOUT_DECIMALS else 3 if currency in WITH_THREE_DECIMALS else 2
    return Decimal(1).scaleb(-decimals)


def _date(value: Json, field: str) -> str:
    try:
        if isinstance(value, str) and date.fromisoformat(value).isoformat() == value >= "1900":
            return value
    except ValueError:
        pass
    raise InvalidData(field, "a date such as 2026-01-31", value)


def _due(value: Json, issued: str) -> str | None:
    due = None if value is None else _date(value, "invoice.dueDate")
    if due is not None and due < issued:
        raise InvalidData("invoice.dueDate", f"no earlier than invoice.date, {issued}", due)
    return due


def _party(value: Json, field: str) -> dict[str, Json]:
    source = mapping(value, field, PARTY_FIELDS)
    return {
        "name": text(source.get("name"), f"{field}.name"),
        "address": _address(source.get("address"), f"{field}.address"),
        "email": None if source.get("email") is None else email(source["email"], f"{field}.email"),
        "taxId": optional_text(source.get("taxId"), f"{field}.taxId", longest=40),
    }


def _address(value: Json, field: str) -> list[str]:
    """The lines of an address, given as a list or as one text with line ends."""
    lines = value.splitlines() if isinstance(value, str) else [] if value is None else value
    if not isinstance(lines, list) or len(lines) > LONGEST_ADDRESS:
        raise InvalidData(field, f"at most {LONGEST_ADDRESS} lines", value)
    return [text(line, field, longest=100) for line in lines if line != ""]


def _items(source: Json) -> list[Json]:
    items = source.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_ITEMS:
        raise InvalidData("invoice.items", f"a list of 1 to {MOST_ITEMS} items", items)
    return items


def _item(value: Json, field: str, unit: Decimal) -> dict[str, str]:
    source = mapping(value, field, ITEM_FIELDS)
    quantity = _amount(source.get("quantity", 1), f"{field}.quantity", low=Decimal("0.000001"))
    price = _amount(source.get("unitPrice"), f"{field}.unitPrice")
    if abs(quantity * price) >= LARGEST_NET:
        raise InvalidData(f"{field}.net", f"below {LARGEST_NET}", f"{quantity * price}")
    net = _money(quantity * price, unit)
    _check_equal(source.get("net"), net, f"{field}.net")
    return {
        "description": text(source.get("description"), f"{field}.description", longest=500),
        "quantity": _plain(quantity),
        "unitPrice": _plain(price, unit),
        "taxRate": _plain(_amount(source.get("taxRate", 0), f"{field}.taxRate", low=Decimal(0), high=Decimal(100))),
        "net": net,
    }


def _amount(value: Json, field: str, *, low: Decimal | None = None, high: Decimal | None = None) -> Decimal:
    """The decimal value of a number: for a float that of its shortest text, never of its binary expansion."""
    written = value if isinstance(value, str) else repr(value)
    if isinstance(value, bool) or not _AMOUNT.fullmatch(written):
        raise InvalidData(field, "a number of at most 18 digits and 6 decimals", value)
    amount = Decimal(written) + 0
    if (low is not None and amount < low) or (high is not None and amount > high):
        raise InvalidData(field, f"{low} or more" if high is None else f"from {low} to {high}", value)
    return amount


def _money(amount: Decimal, unit: Decimal) -> str:
    """An amount in whole units; adding 0 turns a rounded -0 into 0."""
    return format(amount.quantize(unit) + 0, "f")


def _plain(amount: Decimal, unit: Decimal | None = None) -> str:
    """An amount without needless zeros, or with the decimals of its currency when it has no more than those."""
    short = amount.normalize()
    if unit is not None and short == short.quantize(unit):
        return _money(short, unit)
    return format(short, "f")


def _totals(items: list[dict[str, str]], unit: Decimal) -> dict[str, Json]:
    bases: dict[Decimal, Decimal] = {}
    for item in items:
        rate = Decimal(item["taxRate"])
        bases[rate] = bases.get(rate, Decimal(0)) + Decimal(item["net"])
    taxes = [
        {"rate": _plain(rate), "net": _money(base, unit), "tax": _money(base * rate / 100, unit)}
        for rate, base in sorted(bases.items())
    ]
    net, tax = sum(bases.values(), Decimal(0)), sum((Decimal(row["tax"]) for row in taxes), Decimal(0))
    return {"net": _money(net, unit), "tax": _money(tax, unit), "gross": _money(net + tax, unit), "taxes": taxes}


def _check_stated(stated: Json, counted: dict[str, Json]) -> None:
    for name in mapping({} if stated is None else stated, "invoice.totals", TOTAL_FIELDS):
        if name != "taxes":
            _check_equal(stated[name], counted[name], f"invoice.totals.{name}")


def _check_equal(stated: Json, counted: str, field: str) -> None:
    if stated is not None and _amount(stated, field) != Decimal(counted):
        raise InvalidData(field, f"{counted}, which is what its lines come to", stated)
