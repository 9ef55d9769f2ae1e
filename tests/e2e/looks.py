"""What a page must be for everybody: readable at both widths and in both themes, and clean under axe and the CSP."""

from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import BrowserContext, Page

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"
WIDTHS = {"phone": 390, "desk": 1280}
THEMES = ("light", "dark")
WAYS = tuple((device, theme) for device in WIDTHS for theme in THEMES)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SETTLED = "Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {})))"  # colours fade over
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# No preloading: axe would copy imported style sheets into the page, which the CSP rightly reports.
HOW = {"runOnly": TAGS, "resultTypes": ["violations"], "preload": False}


def check_looks(page: Page, name: str) -> None:
    """Look at the page in every width and theme: a screenshot each, no axe violation, nothing to scroll sideways."""
    ARTIFACTS.mkdir(exist_ok=True)
    before = page.viewport_size
    for way in WAYS:
        turn(page, *way)
        page.screenshot(path=ARTIFACTS / f"{name}-{'-'.join(way)}.png", full_page=True)
        check_as_it_is(page, f"{name}, {', '.join(way)}")
    page.set_viewport_size(before)
    page.emulate_media(color_scheme="light")


def turn(page: Page, device: str, theme: str) -> None:
    """Show the page as somebody else has it before them."""
    page.set_viewport_size({"width": WIDTHS[device], "height": 900})
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")


def check_as_it_is(page: Page, name: str) -> None:
    """Look at the page in the one width and theme that it has now."""
    page.evaluate(SETTLED)
    assert page.evaluate(SIDEWAYS) <= 0, f"{name}: it is wider than the screen"
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = AxeResults({"violations": page.evaluate("(how) => axe.run(how).then((found) => found.violations)", HOW)})
    assert found.violations_count == 0, f"{name}:\n{found.generate_report()}"


def watch(context: BrowserContext, breaches: list[str]) -> None:
    """Put each breach of the CSP on a page of this context into this list."""
    context.expose_binding("lychgateBreach", lambda source, words: breaches.append(f"{source['page'].url}: {words}"))
    context.add_init_script(
        "addEventListener('securitypolicyviolation', (e) => lychgateBreach(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`))"
    )
