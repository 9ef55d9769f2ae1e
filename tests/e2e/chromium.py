"""One Chromium for all tests of a run, and another where it had to be killed.

Once in a few thousand times Chromium does not answer that a context was closed (156 with
Playwright 1.65), which Playwright waits for without an end. Closing here has one.
"""

import contextlib
import os
import signal
import threading
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Playwright

from portal.demo.people import CHROMIUM, FLAGS
from tests.e2e.looks import watch


class Chromium:
    """Starts when a context is asked for and none runs. Each breach of the CSP in any context goes into `breaches`."""

    def __init__(self, driver: Playwright, breaches: list[str]) -> None:
        self.driver, self.breaches = driver, breaches
        self.browser: Browser | None = None
        self.pids: set[int] = set()

    def launch(self, **options: Any) -> Browser:
        """Return a browser of the caller's own."""
        return self.driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, **options)

    def new_context(self, **options: Any) -> BrowserContext:
        if self.browser is None or not self.browser.is_connected():
            before = descendants(os.getpid())
            self.browser = self.launch()
            self.pids = descendants(os.getpid()) - before
        context = self.browser.new_context(**options)
        watch(context, self.breaches)
        return context

    def close(self, *contexts: BrowserContext, patience: float = 60) -> None:
        """Close these, or all. Chromium is killed where that takes longer than so many seconds."""
        limit = threading.Timer(patience, self._kill)
        limit.start()
        try:
            for each in contexts or filter(None, [self.browser]):
                each.close()
        except Error:
            if self.browser and self.browser.is_connected():
                raise
        finally:
            limit.cancel()

    def _kill(self) -> None:
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> set[int]:
    """Return the processes that this one started, and those that they did."""
    found: set[int] = set()
    with contextlib.suppress(FileNotFoundError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found |= {int(child) for child in (thread / "children").read_text().split()}
    return found.union(*map(descendants, found))
