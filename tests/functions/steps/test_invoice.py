import copy

import pytest

from stepwell.functions.steps._data import InvalidData
from stepwell.functions.steps._invoice import email, find, read
from stepwell.functions.steps.fetch_invoice import SAMPLE


def invoice(*items, **members):
    lines = list(items) or [{"description": "Thing", "unitPrice": 1}]
    return {**copy.deepcopy(SAMPLE), "items": lines, **members}


def line(price, quantity=1, rate=0):
    return {"description": "Thing", "unitPrice": price, "quantity": quantity, "taxRate": rate}


def test_an_invoice_that_was_read_reads_the_same_again():
    once = read(SAMPLE)
    assert read(once) == once
    assert read(invoice(line("999999999.999999", 999, 100)))["totals"]["gross"] == "1998000000000.00"


@pytest.mark.parametrize(
    ("price", "quantity", "net"),
    [
        (0.1, 3, "0.30"),
        (19.99, 3, "59.97"),
        ("1.005", 1, "1.01"),
        (1.005, 1, "1.01"),
        ("-1.005", 1, "-1.01"),
        ("-0.001", 1, "0.00"),
        ("0.035", "1284.5", "44.96"),
        ("123456.654321", "999.999999", "123456654.20"),
        (0, 5, "0.00"),
    ],
)
def test_a_lines_net_is_exact_and_rounded_half_up(price, quantity, net):
    assert read(invoice(line(price, quantity)))["items"][0]["net"] == net


def test_tax_is_rounded_once_a_rate_and_not_once_a_line():
    totals = read(invoice(*[line("0.10", 1, 5)] * 10, line("1", 1, "19.0")))["totals"]
    assert totals["taxes"] == [
        {"rate": "5", "net": "1.00", "tax": "0.05"},
        {"rate": "19", "net": "1.00", "tax": "0.19"},
    ]
    assert (totals["net"], totals["tax"], totals["gross"]) == ("2.00", "0.24", "2.24")


@pytest.mark.parametrize(("currency", "net"), [("EUR", "10.50"), ("JPY", "11"), ("KWD", "10.500")])
def test_a_currency_has_its_own_smallest_unit(currency, net):
    assert read(invoice(line("10.5"), currency=currency))["totals"]["net"] == net


def test_amounts_take_one_form():
    item = read(invoice(line("5", "2.500", "19.0")))["items"][0]
    assert (item["unitPrice"], item["quantity"], item["taxRate"]) == ("5.00", "2.5", "19")
    item = read(invoice(line("0.0350", 10)))["items"][0]
    assert (item["unitPrice"], item["quantity"]) == ("0.035", "10")


@pytest.mark.parametrize(
    "price", [True, None, "1,5", "1e3", 1e300, float("nan"), float("inf"), "٣", " 1", "", 0.1 + 0.2, "1" * 19, [1]]
)
def test_what_is_no_amount_is_named_and_shown(price):
    with pytest.raises(InvalidData, match=r"invoice\.items\[0\]\.unitPrice must be a number of at most 18 digits"):
        read(invoice(line(price)))


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"number": None}, "invoice.number"),
        ({"number": "a\x00b"}, "invoice.number"),
        ({"date": "2026-02-30"}, "invoice.date"),
        ({"date": "20260228"}, "invoice.date"),
        ({"date": None}, "invoice.date"),
        ({"dueDate": "2026-01-01"}, "invoice.dueDate"),
        ({"currency": "eur"}, "invoice.currency"),
        ({"seller": {"name": "S", "phone": "1"}}, "invoice.seller.phone"),
        ({"buyer": "Anna"}, "invoice.buyer"),
        ({"buyer": {"name": " "}}, "invoice.buyer.name"),
        ({"buyer": {"name": "A", "email": "a@b\r\nBcc: c@d"}}, "invoice.buyer.email"),
        ({"buyer": {"name": "A", "address": ["x"] * 7}}, "invoice.buyer.address"),
        ({"buyer": {"name": "A", "address": [1]}}, "invoice.buyer.address"),
        ({"items": []}, "invoice.items"),
        ({"items": [line(1)] * 1001}, "invoice.items"),
        ({"items": [line(1), {**line(1), "taxrate": 19}]}, "invoice.items[1].taxrate"),
        ({"items": [line(1, 0)]}, "invoice.items[0].quantity"),
        ({"items": [line(1, 1, 101)]}, "invoice.items[0].taxRate"),
        ({"items": [line(1, 1, -1)]}, "invoice.items[0].taxRate"),
        ({"items": [line("1000000000", 1000)]}, "invoice.items[0].net"),
        ({"items": [{**line(1), "net": "2.00"}]}, "invoice.items[0].net"),
        ({"totals": {"gross": "9.99"}}, "invoice.totals.gross"),
        ({"totals": {"grand": "9.99"}}, "invoice.totals.grand"),
        ({"discount": 5}, "invoice.discount"),
    ],
)
def test_what_is_wrong_is_named(members, field):
    with pytest.raises(InvalidData) as caught:
        read(invoice(**members))
    assert str(caught.value).startswith(f"{field} must be ")


def test_totals_that_agree_are_welcome():
    assert read(invoice(line(5, 2, 10), totals={"net": 10, "gross": "11.0"}))["totals"]["gross"] == "11.00"


def test_an_address_may_be_one_text_and_blank_fields_are_absent():
    read_one = read(invoice(seller={"name": "S", "address": "Road 1\n\nTown", "taxId": ""}, notes="", dueDate=None))
    assert read_one["seller"] == {"name": "S", "address": ["Road 1", "Town"], "email": None, "taxId": None}
    assert (read_one["notes"], read_one["dueDate"]) == (None, None)


def test_an_invoice_is_found_in_data_then_results_then_children_then_input():
    named = {name: invoice(number=name) for name in ("data", "result", "child", "input", "other")}
    event = {
        "data": {"invoice": named["data"]},
        "results": {"fetch_invoice": named["result"], "mine": named["other"]},
        "children": [{"name": "fetch_invoice", "result": named["child"]}],
        "input": {"invoice": named["input"]},
    }
    order = []
    for gone in ("data", "results", "children", "input"):
        order.append(find(event)["number"])
        event = {**event, gone: None}
    assert order == ["data", "result", "child", "input"]
    assert find({"data": {"invoiceFrom": "mine"}, "results": {"mine": named["other"]}})["number"] == "other"
    with pytest.raises(InvalidData, match=r"data\.invoice must be an invoice, unless a step named fetch_invoice"):
        find(event)


@pytest.mark.parametrize("address", ["a@b", "anna.m+x@mail.example.com"])
def test_an_address_of_mail(address):
    assert email(address, "to") == address


@pytest.mark.parametrize(
    "address", ["a", "@b", "a@", "a b@c", "a@b c", "a@b\n", "<a@b>", "a@b,c@d", "ä@b.example", "a@b..c", None, 5]
)
def test_what_is_no_address_of_mail(address):
    with pytest.raises(InvalidData, match="to must be a mail address"):
        email(address, "to")
