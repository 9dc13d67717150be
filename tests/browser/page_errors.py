"""What browsers report about our pages: errors of scripts, and what the Content-Security-Policy refused."""

from __future__ import annotations

from playwright.async_api import BrowserContext, ConsoleMessage, Page


def listen(context: BrowserContext, complaints: list[str]) -> None:
    """Add to `complaints` what this browser reports from now on."""

    def listen_to(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", hear)

    def hear(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Refused to" in message.text:
            complaints.append(message.text)

    context.on("page", listen_to)
