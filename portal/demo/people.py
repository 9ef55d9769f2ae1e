"""The people of the story, each in a real browser of their own: what they click and read, nothing more."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as BrowserError

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
PATIENCE = 30_000  # milliseconds


class Theatre:
    """One Chromium; `person` opens a context of its own, signed in."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.stack = contextlib.ExitStack()
        self.people: list[Person] = []

    def __enter__(self) -> Self:
        driver = self.stack.enter_context(sync_playwright())
        self.browser: Browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        self.stack.callback(self.browser.close)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stack.close()

    def person(self, name: str) -> Person:
        """Sign in by the provider and return the person at the portal's home."""
        context = self.browser.new_context(base_url=self.url)
        context.set_default_timeout(PATIENCE)
        person = Person(name, context.new_page(), self.url)
        self.people.append(person)
        person.sign_in()
        return person

    def photograph(self, folder: Path) -> None:
        """Keep what each person sees now: the first thing to look at when a step broke."""
        for person in self.people:
            with contextlib.suppress(BrowserError):
                person.page.screenshot(path=folder / f"{person.name}.png", full_page=True)


class Person:
    """Somebody in front of a browser."""

    def __init__(self, name: str, page: Page, url: str) -> None:
        self.name = name
        self.page = page
        self.screens: list[str] = []  # every page of the portal that they were shown, the provider's not counted
        page.on("framenavigated", lambda frame: self.screens.append(frame.url) if frame.url.startswith(url) else None)

    def sign_in(self) -> None:
        """Press the portal's button, then the provider's."""
        self.page.goto("/")
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name=re.compile(self.name, re.IGNORECASE)).click()
        self.page.get_by_role("heading", name=re.compile("Hello")).wait_for()

    def enrol(self, device: str) -> str:
        """Enrol the first device, from home, with a key made in this browser; return the file as the page shows it."""
        self.page.get_by_role("button", name="Enrol a device").click()
        self.page.get_by_label("Name").fill(device)
        self.page.get_by_role("button", name="Enrol", exact=True).click()
        config = self.page.locator("[data-config-text]")
        config.filter(has_text="Endpoint").wait_for()
        return config.inner_text()

    def find(self, slug: str) -> None:
        """Go to the form for asking by the catalogue, as somebody does who has no access to it yet."""
        self.page.get_by_role("link", name="Resources").click()
        self.page.locator(f"a[href='/resources/{slug}/request/']").click()

    def ask(self, slug: str, device: str) -> str:
        """Ask for an hour; return the address of the request's page."""
        form = f"/resources/{slug}/request/"
        if not self.page.url.endswith(form):
            self.page.goto(form)
        self.page.get_by_label(device).check()
        self.page.get_by_label("Reason").fill("For the story.")
        self.page.get_by_role("button", name="Send the request").click()
        self.page.wait_for_url(re.compile(r"/requests/\d+/"))
        return self.page.url

    def approve(self, requests: Sequence[str], length: str) -> None:
        """Approve these in the admin, on one confirm page, for as long as `length` says ("30 s")."""
        self.page.goto("/admin/enrollment/accessrequest/")
        for url in requests:
            self.page.locator(f"input[name=_selected_action][value='{number_of(url)}']").check()
        self.page.locator("select[name=action]").select_option("approve")
        self.page.get_by_role("button", name="Go", exact=True).click()
        self.page.get_by_label("At most").fill(length)
        self.page.get_by_role("button", name=re.compile("^Approve")).click()
        self.page.locator(".messagelist .success").first.wait_for()

    def revoke(self, request: str) -> None:
        """Revoke the grant of this request in the admin."""
        self.page.goto(f"/admin/enrollment/grant/?request__id__exact={number_of(request)}")
        self.page.locator("input[name=_selected_action]").first.check()
        self.page.locator("select[name=action]").select_option("revoke")
        self.page.get_by_role("button", name="Go", exact=True).click()
        self.page.get_by_label("Reason").fill("The story asks for it.")
        self.page.get_by_role("button", name=re.compile("^Revoke")).click()
        self.page.locator(".messagelist .success").first.wait_for()

    def end(self, request: str) -> None:
        """End one's own access now."""
        self.page.goto(request)
        self.page.get_by_text("End it now").click()
        self.page.get_by_role("button", name="End my access now").click()

    def who_reaches(self, resource: str) -> list[str]:
        """Ask, as an auditor, who can reach it now; return what is said of each."""
        self.page.goto("/admin/enrollment/auditevent/")
        self.page.get_by_role("link", name="Who could reach what").click()
        self.page.get_by_label("Resource").select_option(label=resource)
        self.page.get_by_label("When").fill("")
        self.page.get_by_role("button", name="Look").click()
        told = self.page.locator("ul.rows > li")
        told.first.wait_for()
        return told.all_inner_texts()

    def wait_until(self, request: str, badge: str) -> str:
        """Wait at the request's page for what its badge says; return the sentences beside it."""
        self.page.goto(request)
        self.page.locator("#live .badge").filter(has_text=re.compile(f"^{badge}$")).wait_for()
        return self.page.locator("#live [role=status]").inner_text()

    def deadline(self, request: str) -> datetime:
        """Return the end as the page says it."""
        self.page.goto(request)
        stamp = self.page.locator("time[data-countdown]").first.get_attribute("datetime")
        return datetime.fromisoformat(stamp or "")


def number_of(url: str) -> str:
    """Return the id in the address of a request's page."""
    return url.rstrip("/").rsplit("/", 1)[-1]
