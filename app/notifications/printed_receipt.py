"""A receipt as a PDF, in the language of its reader."""

from __future__ import annotations

from app.core.clock import to_ms
from app.notifications.email_content import templates
from app.store.sql.assurance.receipts import Receipt

TEMPLATE = "receipt_pdf.txt"


def receipt_file(language: str, receipt: Receipt, seller: str, zone: str, refunded: int) -> bytes:
    """Render the PDF; `zone` is its event's. Takes CPU time, so do not call it in an event loop."""
    from app.pdf.receipt import Row, receipt_pdf  # slow to import, and many processes print nothing

    text = (
        templates(language)
        .get_template(TEMPLATE)
        .render(
            it=receipt,
            seller=[line.replace("\t", " ") for line in seller.split("\n") if line.strip()],
            sold_at_ms=to_ms(receipt.sold_at),
            zone=zone,
            refunded=refunded,
        )
    )
    return receipt_pdf([Row(*line.split("\t")) for line in text.splitlines() if line.strip()])
