"""The pictures in docs are of every page there is, and docs/pages.md says of each who sees it and what for."""

import re
from pathlib import Path

import pytest

from tests.screenshots import looks
from tests.screenshots.moments import MOMENTS
from tests.screenshots.pages import Page, all_pages
from tests.screenshots.words import document, purpose

DOCS = Path(__file__).resolve().parent.parent / "docs"
ANEW = "run make screenshots, and describe new pages in tests/screenshots/words.py"


def pictures():
    return {path.name for path in (DOCS / "screenshots").iterdir()}


def wanted():
    return {f"{name}.{size}.webp" for name in (*(page.name for page in all_pages()), *MOMENTS) for size in ("phone", "desk")}


def test_every_page_of_the_portal_has_its_pictures_and_no_picture_is_of_a_page_that_is_gone():
    assert len(all_pages()) > 75
    assert pictures() == wanted(), ANEW


def test_the_pictures_were_taken_of_pages_that_look_as_they_do_now():
    assert looks.KEPT.read_text(encoding="utf-8").strip() == looks.digest(), (
        "templates or styles changed since: run make screenshots, for all pages"
    )


def test_the_document_shows_every_page_with_who_sees_it_and_what_for():
    assert (DOCS / "pages.md").read_text(encoding="utf-8") == document(all_pages(), MOMENTS), ANEW


@pytest.mark.parametrize("name", ["teleport", "device-teleport", "admin-device-teleport", "admin-portal-change"])
def test_a_page_that_nobody_described_is_noticed(name):
    with pytest.raises(KeyError):
        purpose(name)


def test_the_pictures_that_documents_show_are_there():
    texts = [path.read_text(encoding="utf-8") for path in (*DOCS.glob("*.md"), DOCS.parent / "README.md")]
    shown = {name for text in texts for name in re.findall(r"screenshots/([\w.-]+\.\w+)", text)}
    assert shown == pictures()


def test_the_pictures_are_small_enough_to_keep():
    assert sum(path.stat().st_size for path in (DOCS / "screenshots").iterdir()) < 3_000_000


@pytest.mark.parametrize(
    ("seen_by", "who"),
    [
        ({"nobody", "alice", "bob", "carol", "dave", "erin"}, "everybody, signed in or not"),
        ({"alice", "bob", "grace", "carol", "dave", "erin"}, "everybody who is signed in"),
        ({"alice"}, "whose it is"),
        ({"bob", "dave"}, "approvers, of what they answer, admins"),
        ({"carol", "dave"}, "auditors, admins"),
    ],
)
def test_who_sees_a_page_is_said_as_the_table_of_addresses_has_it(seen_by, who):
    assert Page("any", "any/", frozenset(seen_by)).who == who
