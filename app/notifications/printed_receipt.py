"""A receipt as a PDF, in the language of its reader."""

from __future__ import annotations

from app.core.clock import to_ms
from app.notifications.email_content import templates
from app.store.sql.receipts import Receipt

TEMPLATE = "receipt_pdf.txt"


def receipt_file(language: str, it: Receipt, seller: str, zone: str, refunded: int) -> bytes:
    """The PDF; `zone` is that of its event. Takes CPU time, so not to be called in an event loop."""
    from app.pdf.receipt import Row, receipt_pdf  # loads slowly, and many processes print nothing

    text = (
        templates(language)
        .get_template(TEMPLATE)
        .render(
            it=it,
            seller=[line.replace("\t", " ") for line in seller.split("\n") if line.strip()],
            sold_at_ms=to_ms(it.sold_at),
            zone=zone,
            refunded=refunded,
        )
    )
    return receipt_pdf([Row(*line.split("\t")) for line in text.splitlines() if line.strip()])
