"""Takes the pictures of docs/screenshots anew and writes docs/pages.md: `make screenshots`.

Arguments are names of pictures, where only these are wanted: `make screenshots ARGS="home devices"`.
A real portal, provider and broker run for it on free ports of this machine, and end with it.
"""

import os
import sys
import tempfile
from pathlib import Path

import django
from playwright.sync_api import sync_playwright

from portal.demo.people import CHROMIUM, FLAGS
from tests.e2e.site import ROOT, Site
from tests.screenshots import looks

PICTURES, DOCUMENT = ROOT / "docs/screenshots", ROOT / "docs/pages.md"


def main(wanted):
    with tempfile.TemporaryDirectory() as home, Site(Path(home)) as site:
        os.environ.update(site.env, DJANGO_SETTINGS_MODULE="portal.settings", DJANGO_ALLOW_ASYNC_UNSAFE="yes")
        django.setup()
        with sync_playwright() as driver:
            take(driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS), site.url, wanted)


def take(browser, url, wanted):
    """Take all pictures of the site at `url`, with this process's Django on the same database."""
    from enrollment import clock  # noqa: PLC0415 - Django is set up only now
    from tests.screenshots.company import Company  # noqa: PLC0415
    from tests.screenshots.moments import MOMENTS  # noqa: PLC0415
    from tests.screenshots.pages import all_pages  # noqa: PLC0415
    from tests.screenshots.studio import Studio  # noqa: PLC0415
    from tests.screenshots.words import document  # noqa: PLC0415

    pages = all_pages()
    shown = document(pages, MOMENTS)  # first: it stops at a page that nobody described
    company = Company(clock.now())
    PICTURES.mkdir(exist_ok=True)
    studio = Studio(browser, url, PICTURES)
    names = [*(page.name for page in pages), *MOMENTS]
    if unknown := set(wanted) - set(names):
        sys.exit(f"There is no {', '.join(unknown)}. There are: {', '.join(names)}.")
    anew = wanted or names
    for page in (page for page in pages if page.name in anew):
        opened = studio.page(page.photographer)
        answer = opened.goto(page.path(company.numbers, company.others))
        if answer.status != 200:
            sys.exit(f"{page.name} answered {answer.status} at {opened.url}: tests/screenshots/company.py has nothing to show there.")
        studio.photograph(opened, page.name)
    for name in (name for name in MOMENTS if name in anew):
        studio.photograph(MOMENTS[name](studio, company), name)
    for left in PICTURES.glob("*.webp"):
        if left.name.split(".")[0] not in names:
            left.unlink()
    DOCUMENT.write_text(shown, encoding="utf-8")
    if anew == names:
        looks.KEPT.write_text(f"{looks.digest()}\n", encoding="utf-8")
    sys.stdout.write(f"Pictures of {len(anew)} of {len(names)} pages were taken; docs/pages.md shows all.\n")


if __name__ == "__main__":
    main(sys.argv[1:])
