"""The people of the demo's provider, and how they sign in."""

from playwright.sync_api import Page

NAMES = {"alice": "Alice Adler", "bob": "Bob Brandt", "carol": "Carol Conti", "dave": "Dave Dubois", "erin": "Erin Evans"}


def sign_in(page: Page, name: str) -> None:
    """Sign in by the provider, as people do, and arrive at home."""
    page.goto("/")
    page.get_by_role("button", name="Sign in with").click()
    page.get_by_role("button", name=f"Sign in as {NAMES[name]}").click()
    page.get_by_role("heading", name=f"Hello {NAMES[name].split()[0]}").wait_for()
