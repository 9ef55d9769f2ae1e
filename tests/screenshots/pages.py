"""Which pages there are, what each is called, and who sees it.

Nothing here is a list to keep: the addresses are those of the URL configuration, and who sees
them is what the table of tests/portal/test_url_matrix.py says, which a test of its own holds true.
"""

import re
from dataclasses import dataclass

from django.urls import get_resolver

from tests.portal.test_url_matrix import ROUTES, expected, filled_in

COLUMNS = ("nobody", "alice", "bob", "grace", "carol", "dave", "erin")  # of that table
# What answers and is no page: files, what machines read, and the step from the provider back to the portal.
NO_PAGES = {
    "healthz",
    "readyz",
    "metrics",
    "oidc-callback",
    "admin-jsi18n",
    "admin-logout",
    "admin-accessrequest-export",
    "admin-grant-export",
    "admin-review-export",
    "admin-auditevent-export",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One address that people look at."""

    name: str
    route: str
    seen_by: frozenset[str]

    @property
    def who(self) -> str:
        """Say who sees it."""
        if self.name == "oidc-login":
            return "whoever is not signed in"
        if "nobody" in self.seen_by:
            return "everybody, signed in or not"
        if {"alice", "erin"} <= self.seen_by:
            return "everybody who is signed in"
        approvers = "approvers" if "grace" in self.seen_by else "approvers, of what they answer"
        told = {"alice": "whose it is", "bob": approvers, "carol": "auditors", "dave": "admins"}
        return ", ".join(words for name, words in told.items() if name in self.seen_by)

    @property
    def photographer(self) -> str:
        """Return whose browser takes its picture: the first of those who see it."""
        return next((name for name in ("nobody", "alice", "bob", "carol", "dave") if name in self.seen_by), "nobody")

    def path(self, numbers: dict[str, int], others: dict[str, int | str]) -> str:
        """Return an address to look at. `others` has a whole path or a number for pages that need something special."""
        special = others.get(self.name)
        if isinstance(special, str):
            return special
        return filled_in(re.sub("<[a-z]+:(pk|object_id)>", str(special or r"\g<0>"), self.route), numbers)


def all_pages() -> list[Page]:
    """Return every page of the portal, in the order of the URL configuration."""
    names = dict(zip(ROUTES, named(get_resolver().url_patterns), strict=True))
    found = [Page(names[route], route, seen_by(route)) for route in ROUTES]
    pages = {}
    for page in found:
        if page.seen_by and page.name not in NO_PAGES:
            pages.setdefault(page.name, page)
    return list(pages.values())


def named(patterns, within=""):
    """Yield the name of every route, in the order of ROUTES."""
    for each in patterns:
        if hasattr(each, "url_patterns"):
            yield from named(each.url_patterns, "admin-" if each.namespace == "admin" else within)
        else:
            yield within + short(str(each.name), within)


def short(name: str, within: str) -> str:
    """Return `device-change` for `enrollment_device_change` of the admin, and `history` for every page of that kind: they are alike."""
    if within:
        name = "history" if name.endswith("_history") else re.sub("^(enrollment|enforcement|auth)_", "", name)
    return name.replace("_", "-")


def seen_by(route: str) -> frozenset[str]:
    words = dict(zip(COLUMNS, expected(route).split(), strict=True))
    if words["alice"] == "away" and words["nobody"] == "503":  # the page to sign in, where a provider is configured
        return frozenset({"nobody"})
    return frozenset(name for name, word in words.items() if word == "200")
