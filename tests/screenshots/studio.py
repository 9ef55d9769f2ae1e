"""One browser, everybody signed in, and pictures small enough to keep: WebP, as Chromium itself makes it."""

import base64
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.looks import SETTLED
from tests.e2e.people import NAMES, sign_in

SIZES = {"phone": ({"width": 390, "height": 844}, "dark", 900), "desk": ({"width": 1280, "height": 800}, "light", 1000)}
QUALITY = 35
MEASURE = "document.documentElement.scrollHeight"


class Studio:
    """Signs everybody in; `page("alice")` is a fresh page of hers, `page("nobody")` of somebody who is not signed in."""

    def __init__(self, browser: Browser, url: str, into: Path) -> None:
        self.options = {"base_url": url, "timezone_id": "Europe/Berlin", "locale": "en-GB"}
        self.browser, self.into = browser, into
        self.opened: list[BrowserContext] = []
        self.contexts = {name: self.context() for name in NAMES}
        for name, context in self.contexts.items():
            page = context.new_page()
            sign_in(page, name)
            page.close()

    def context(self) -> BrowserContext:
        context = self.browser.new_context(**self.options)
        context.set_default_timeout(15_000)
        self.opened.append(context)
        return context

    def close(self) -> None:
        """Let go of the portal, which waits at its end for whoever still holds a connection."""
        for context in self.opened:
            context.close()

    def page(self, name: str) -> Page:
        return (self.contexts.get(name) or self.context()).new_page()

    def photograph(self, page: Page, name: str) -> None:
        """Keep two pictures of the page as it is now, cut below what says most; then close it."""
        for device, (size, theme, most) in SIZES.items():
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            page.evaluate(SETTLED)
            clip = {"x": 0, "y": 0, "width": size["width"], "height": min(page.evaluate(MEASURE), most), "scale": 1}
            how = {"format": "webp", "quality": QUALITY, "clip": clip, "captureBeyondViewport": True}
            taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", how)
            (self.into / f"{name}.{device}.webp").write_bytes(base64.b64decode(taken["data"]))
        page.close()
