"""The people of the demo's provider, how they sign in, and how they enrol a device."""

from playwright.sync_api import Locator, Page

NAMES = {"alice": "Alice Adler", "bob": "Bob Brandt", "carol": "Carol Conti", "dave": "Dave Dubois", "erin": "Erin Evans"}


def sign_in(page: Page, name: str) -> None:
    """Sign in by the provider, as people do, and arrive at home."""
    page.goto("/")
    page.get_by_role("button", name="Sign in with").click()
    at_provider(page, name).click()
    greeting(page, name).wait_for()


def at_provider(page: Page, name: str) -> Locator:
    """Return the button at the provider by which somebody says who they are."""
    return page.get_by_role("button", name=f"Sign in as {NAMES[name]}")


def greeting(page: Page, name: str) -> Locator:
    """Return what home says to them."""
    return page.get_by_role("heading", name=f"Hello {NAMES[name].split()[0]}")


def enrol(page: Page, name: str, way: str = "browser", kind: str = "laptop") -> str:
    """Enrol a device; return the file as the page shows it."""
    page.goto("/devices/new/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("What is it?").select_option(kind)
    page.locator(f"[name=way][value={way}]").check()
    page.get_by_role("button", name="Enrol").click()
    page.get_by_role("heading", name=f"{name} is enrolled").wait_for()
    return page.locator("[data-config-text]").text_content()
