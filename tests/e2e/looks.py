"""What a page must be for everybody: readable at both widths and in both themes, and clean under axe and the CSP."""

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"
WIDTHS = {"phone": 390, "desk": 1280}
THEMES = ("light", "dark")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SETTLED = "Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {})))"  # colours fade over
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def check_looks(page: Page, name: str) -> None:
    """Look at the page in every width and theme: a screenshot each, no axe violation, nothing to scroll sideways."""
    ARTIFACTS.mkdir(exist_ok=True)
    before = page.viewport_size
    for device, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            page.evaluate(SETTLED)
            page.screenshot(path=ARTIFACTS / f"{name}-{device}-{theme}.png", full_page=True)
            assert page.evaluate(SIDEWAYS) <= 0, f"{name} is wider than {width} px"
            # No preloading: axe would copy imported style sheets into the page, which the CSP rightly reports.
            found = Axe().run(page, options={"runOnly": TAGS, "resultTypes": ["violations"], "preload": False})
            assert found.violations_count == 0, f"{name}, {device}, {theme}:\n{found.generate_report()}"
    page.set_viewport_size(before)
    page.emulate_media(color_scheme="light")


def collect_csp_reports(context: BrowserContext) -> list[str]:
    """Return a list that fills with every breach of the CSP in this context."""
    reports: list[str] = []
    context.expose_binding("lychgateCspReport", lambda source, words: reports.append(f"{source['page'].url}: {words}"))
    context.add_init_script(
        "addEventListener('securitypolicyviolation', (e) => lychgateCspReport(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`))"
    )
    return reports
