"""Draws an invoice on A4 paper as a PDF: the same bytes for the same invoice.

fpdf2 (LGPL-3.0-only) draws; Noto Sans comes with pymupdf-fonts (OFL-1.1) and is embedded, subset to what is used.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pymupdf_fonts
from fpdf import FPDF, Align, FontFace, XPos, YPos
from fpdf.enums import TableBordersLayout, VAlign
from fpdf.fonts import TTFFont

from stepwell.functions.contract import Json

Color = tuple[int, int, int]

FAMILY = "noto"
FACES = {"": "notos", "B": "notosbo"}
MARGIN = 18
TOTALS_WIDTH = 100
INK: Color = (28, 34, 42)
MUTED: Color = (104, 114, 126)
LINE: Color = (214, 219, 225)
ACCENT: Color = (22, 78, 99)
PALE: Color = (240, 245, 247)
WHITE: Color = (255, 255, 255)
COLUMNS = (("Description", 73, "L"), ("Quantity", 22, "R"), ("Unit price", 27, "R"), ("Tax", 17, "R"), ("Net", 35, "R"))


def render(invoice: dict[str, Json]) -> tuple[bytes, list[str]]:
    """The PDF, and the characters missing from its font, each once, in order of code point."""
    logging.getLogger("fontTools.subset").setLevel(logging.ERROR)
    with TemporaryDirectory() as fonts:
        paper = _Paper(invoice, Path(fonts))
        paper.add_page()
        paper.draw_parties()
        paper.draw_items()
        paper.draw_totals()
        paper.draw_notes()
        return bytes(paper.output()), sorted(paper.missing)


class _Paper(FPDF):
    """A document that knows its invoice; fpdf2 calls ``header`` and ``footer`` on each page."""

    def __init__(self, invoice: dict[str, Json], fonts: Path) -> None:
        super().__init__(format="A4")
        self.invoice = invoice
        self.missing: set[str] = set()
        self._add_fonts(fonts)
        font = self.fonts[FAMILY]
        assert isinstance(font, TTFFont)
        self.known = {chr(code) for code in font.cmap}
        self.set_margin(MARGIN)
        self.c_margin = 0
        self.set_auto_page_break(True, MARGIN + 6)
        self.set_creation_date(datetime.fromisoformat(invoice["date"]).replace(tzinfo=UTC))
        self.set_title(f"Invoice {invoice['number']}")
        self.set_author(invoice["seller"]["name"])
        self.set_lang("en")

    def _add_fonts(self, directory: Path) -> None:
        for style, name in FACES.items():
            file = directory / f"{name}.ttf"
            file.write_bytes(pymupdf_fonts.myfont(name))
            self.add_font(FAMILY, style, file)

    def printable(self, text: str) -> str:
        """The text with "?" for each character that the font lacks. ``missing`` collects them."""
        lacking = set(text) - self.known
        self.missing |= lacking
        return text.translate({ord(character): "?" for character in lacking})

    def write_line(
        self,
        text: str,
        *,
        size: float = 9,
        style: str = "",
        color: Color = INK,
        align: Align = Align.L,
        width: float = 0,
    ) -> None:
        """One paragraph, wrapped to its width; the next one begins below it at the same left edge."""
        self.set_font(FAMILY, style, size)
        self.set_text_color(*color)
        self.multi_cell(width, size / 2, self.printable(text), align=align, new_x=XPos.LEFT, new_y=YPos.NEXT)

    def header(self) -> None:
        """The seller and the word Invoice on the first page; the seller and the invoice's number on the others."""
        if self.page_no() > 1:
            self.write_line(f"{self.invoice['seller']['name']}  ·  Invoice {self.invoice['number']}", color=MUTED)
            self.ln(4)
            return
        self.set_fill_color(*ACCENT)
        self.rect(0, 0, self.w, 4, style="F")
        top = self.get_y()
        self.write_line(self.invoice["seller"]["name"], size=15, style="B", width=110)
        below = self.get_y()
        self.set_xy(MARGIN + 110, top)
        self.write_line("INVOICE", size=15, style="B", color=ACCENT, align=Align.R)
        self.set_xy(MARGIN, max(below, self.get_y()) + 7)

    def footer(self) -> None:
        self.set_y(-MARGIN)
        self.write_line(f"Page {self.page_no()} of {{nb}}", size=8, color=MUTED, align=Align.C)

    def draw_parties(self) -> None:
        """Three columns: from whom, to whom, and the invoice's own data."""
        columns = (
            ("FROM", _party_lines(self.invoice["seller"])),
            ("BILL TO", _party_lines(self.invoice["buyer"])),
            ("DETAILS", _detail_lines(self.invoice)),
        )
        top, width, lowest = self.get_y(), self.epw / 3, 0.0
        for at, (title, lines) in enumerate(columns):
            self.set_xy(MARGIN + at * width, top)
            self.write_line(title, size=7.5, style="B", color=MUTED, width=width - 4)
            self.set_xy(MARGIN + at * width, self.get_y() + 1)
            for nth, line in enumerate(lines):
                self.write_line(line, style="" if nth else "B", width=width - 4)
            lowest = max(lowest, self.get_y())
        self.set_xy(MARGIN, lowest + 8)

    def draw_items(self) -> None:
        """The table of items; its heading comes again on each page."""
        self.set_font(FAMILY, "", 9)
        self.set_text_color(*INK)
        self.set_draw_color(*LINE)
        with self.table(
            col_widths=[width for _, width, _ in COLUMNS],
            text_align=[align for _, _, align in COLUMNS],
            headings_style=FontFace(emphasis="BOLD", color=WHITE, fill_color=ACCENT),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            cell_fill_color=PALE,
            cell_fill_mode="ROWS",
            line_height=5,
            padding=(1.2, 2),
            v_align=VAlign.T,
        ) as table:
            table.row([name for name, _, _ in COLUMNS])
            for item in self.invoice["items"]:
                table.row([self.printable(cell) for cell in _item_cells(item)])
        self.ln(5)

    def draw_totals(self) -> None:
        """The totals, all on one page."""
        totals, currency = self.invoice["totals"], self.invoice["currency"]
        rows = [("Net", totals["net"])]
        rows += [(f"Tax {row['rate']} % of {_grouped(row['net'])}", row["tax"]) for row in totals["taxes"]]
        if self.will_page_break(len(rows) * 6 + 16):
            self.add_page()
        for label, amount in rows:
            self._draw_total(label, _grouped(amount), size=9, style="")
        self.set_draw_color(*ACCENT)
        self.line(self.w - MARGIN - TOTALS_WIDTH, self.get_y() + 1, self.w - MARGIN, self.get_y() + 1)
        self.ln(2)
        self._draw_total("Total", f"{_grouped(totals['gross'])} {currency}", size=12, style="B")
        self.ln(8)

    def _draw_total(self, label: str, amount: str, *, size: float, style: str) -> None:
        self.set_font(FAMILY, style, size)
        self.set_text_color(*INK)
        self.set_x(self.w - MARGIN - TOTALS_WIDTH)
        self.cell(TOTALS_WIDTH * 0.55, size * 0.65, label)
        self.cell(TOTALS_WIDTH * 0.45, size * 0.65, amount, align=Align.R, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def draw_notes(self) -> None:
        if self.invoice["notes"]:
            self.write_line(self.invoice["notes"], color=MUTED)


def _party_lines(party: dict[str, Json]) -> list[str]:
    rest = [f"Tax ID {party['taxId']}" if party["taxId"] else None, party["email"]]
    return [line for line in (party["name"], *party["address"], *rest) if line]


def _detail_lines(invoice: dict[str, Json]) -> list[str]:
    due = [f"Due {invoice['dueDate']}"] if invoice["dueDate"] else []
    return [f"Number {invoice['number']}", f"Date {invoice['date']}", *due, f"Amounts in {invoice['currency']}"]


def _item_cells(item: dict[str, str]) -> list[str]:
    amounts = (_grouped(item["quantity"]), _grouped(item["unitPrice"]), f"{item['taxRate']} %", _grouped(item["net"]))
    return [item["description"], *amounts]


def _grouped(amount: str) -> str:
    """1234567.5 as 1,234,567.5."""
    return f"{Decimal(amount):,f}"
