"""What nobody should be able to type (docs/cases.md, E26 to E58), by the kind of a field, with the words that must answer it there.

`FIELDS` says of every field of every form what kind it is: by its name, or by a part of the form's address and its name.
One that no line describes fails the test. "!" is for a field that must not be empty. Keys, addresses and the like have
tables of their own (tests/enrollment/test_bad_keys.py, admin/test_estate.py): here are a few of each, to see where the words stand.
"""

import re
from dataclasses import dataclass

from django.db import transaction
from django.urls import resolve

from tests.enrollment.test_keys import LOW, spelled
from tests.portal.answers import Page
from tests.portal.forms import Form, last_part, rows

HIDES, NUL, LENGTH, CHOOSE = "do not print", "Null characters", "at most", "Choose|Select a valid choice"
CUTS = {"a\rb": HIDES, "a\x00b": f"{HIDES}|{NUL}", "\u202eexe.txt": HIDES, "a\u2028b": HIDES}
NAMES = {**CUTS, "\u3164": HIDES, "a\nAllowedIPs = 0.0.0.0/0": HIDES, "a" * 160: LENGTH, "a" * 10_000: LENGTH}
NO_NUMBERS = dict.fromkeys(("1.5", "NaN", "1e309", "0x10", "one"), "whole number")
NO_PORTS = dict.fromkeys(("0", "65536", "-1", "80;", "NaN", "1e309", "9" * 30, "9" * 5000), "A port is a whole number from 1 to 65535.")
NO_LENGTHS = {"0 h": "longer than no time", "8": "Say the unit", "999999999 d": "366 days", "8 h\x00": f"whole number and a unit|{NUL}"}
NO_LENGTHS |= dict.fromkeys(("-1 h", "1.5 h", "NaN", "1e309 h", "\u0661 h", "8 parsecs"), "a whole number and a unit")
NO_TIMES = {"2000-01-01T00:00": "has passed", "9999-12-31T23:59": "too far away"}
NO_TIMES |= dict.fromkeys(("not a time", "2027-02-30T10:00", "24:00", "NaN", "9" * 30, "2027-03-28T10:00 Berlin"), "valid date/time")
NO_ADDRESSES = {
    "0.0.0.0/0": "one address",
    "localhost": "looks no names up",
    "$(id)": "Write an address",
    "10.0.0.1; accept": "one address",
}
NO_HOSTS = {"vpn.example.com:51820": "host name|Write an address", "; flush ruleset; #": "host name", "-x.example.com": "not a host name"}
NO_HOSTS |= {"10.0.0.256": "not an IPv4 address", "a" * 300: LENGTH, "a\x00b": NUL}
NO_NETWORKS = {
    "0.0.0.0/0": "overlay|network|length",
    "10.89.65.5/24": "The network is|network",
    "localhost": "network",
    "a" * 50: LENGTH,
    "a\x00b": NUL,
}
NO_ROWS = dict.fromkeys(("999999", "9" * 30, "-1", "no-such", "a\x00b"), f"{CHOOSE}|{NUL}|not a valid value")

BAD = {
    "name": NAMES,
    "line": {**CUTS, "a\nb": "one line", "a" * 81: "80 characters", "a" * 10_000: "80 characters"},
    "text": {**CUTS, "a" * 1001: "at most 1000|1000 characters", "a" * 10_000: "at most 1000|1000 characters"},
    "words": {"a\x00b": NUL, "a" * 1001: "at most 1000"},
    "shape": dict.fromkeys(("OPS", "[a-z]*#", "; flush #", "\u202e#"), "Write it like OPS-#")
    | {"#" * 90: LENGTH, "a\x00#": f"{NUL}|Write"},
    "slug": dict.fromkeys(("Wiki", "wiki; accept", "-a", "a b", "<script>", "\u0430bc"), "begin with a letter") | {"a" * 32: LENGTH},
    "minutes": NO_NUMBERS | {"0": "greater", "-1": "greater", "9" * 30: "At most", "100000": "At most"},
    "count": NO_NUMBERS | {"0": "greater", "-1": "greater", "21": "less", "9" * 30: "less"},
    "port": NO_PORTS,
    "duration": NO_LENGTHS,
    "stand-in": NO_LENGTHS | {"91 d": "90 days at most"},
    "start": NO_TIMES,
    "day": dict.fromkeys(("29.11.2026", "2027-02-30", "NaN", "a\x00b", "9" * 30), "valid date") | {"9999-12-31": "less than or equal"},
    "day of a list": dict.fromkeys(
        ("29.11.2026", "2027-02-30", "NaN"), "valid date"
    ),  # a NUL in an address of the admin is a page of its own
    "moment": dict.fromkeys(("tomorrow", "NaN", "2026-02-30T10:00Z", "a\x00b"), f"zone|no instant|{NUL}"),
    "person": {"nobody": "nobody called that", "a\x00b": NUL, "9" * 300: LENGTH},
    "search": {"a" * 101: "at most 100", "a\x00b": NUL},
    "address": NO_ADDRESSES,
    "host": NO_HOSTS,
    "network": NO_NETWORKS,
    "key": {"no-such": "not a WireGuard public key", "a\x00b": NUL, spelled(LOW[0]): "protects nothing", "a" * 300: LENGTH},
    "ssh key": dict.fromkeys(("no-such", "ssh-rsa AAAA", "ssh-ed25519 AAAA\nx"), "not an SSH public key") | {"a" * 600: LENGTH},
    "e-mail": {"nobody@example.com": "Nobody with an active account", "=cmd()": "valid email", "a\nb@example.com": "valid email"},
    "code": dict.fromkeys(("no-such", "<script>alert(1)</script>", "a" * 99, "a\x00b"), "26 letters and digits"),
    "choice": dict.fromkeys(("no-such", "9" * 30, "a" * 10_000, "\u202eexe"), CHOOSE),
    "row": NO_ROWS,
    "anything": {},
    "box": {},  # what is ticked or not is never wrong but by being absent
}
MISSING = {
    "choice": f"{CHOOSE}|required|Say for how long",
    "row": f"{CHOOSE}|required",
    "box": "Confirm",
    "code": "26 letters and digits",
}
MISSING |= {"key": "not a WireGuard public key", "port": "required|A port is"}
USUAL_MISSING = "required|Say |Give "

# Texts that nobody should mind: they are kept as they are, and shown as text.
WELCOME = ("<script>alert('1')</script>\U0001f512", '=cmd()|"$(id)" `id`; #', "../../etc/passwd")
ALLOWED = {"name": WELCOME, "line": WELCOME, "text": (*WELCOME, "two\nlines; flush ruleset; #"), "words": WELCOME}

OF_KIND = {
    "name!": "name",
    "slug!": "slug, pep/add/ name",
    "text!": "reason, not_justified/ comment, deny/ comment",
    "text": "comment, description",
    "words!": "grant/<int:pk>/revoke/ reason, grant/revoke/ reason",
    "line": "ticket",
    "shape": "ticket_shapes",
    "minutes!": "minutes",
    "count!": "need_1",
    "count": "need_2, need_3",
    "port!": "first, endpoint_port, ssh_port",
    "port": "last",
    "duration!": "time_to_answer, longest_grant, rolling_total, rolling_window",
    "duration": "at_most, lease_seconds, session_length, break_glass_longest",
    "stand-in!": "lasts",
    "start!": "starts_at",
    "start": "delegation/add/ starts_at",
    "day": "approvers/ first, approvers/ last",
    "day of a list": "auditevent/ first, auditevent/ last",
    "moment": "at",
    "person": "user",
    "search": "resources/ q",
    "anything": "q",
    "address": "target_v4, target_v6, overlay_v4, overlay_v6",
    "network!": "prefix_v4, prefix_v6",
    "host!": "endpoint_host",
    "host": "ssh_host",
    "key!": "public_key",
    "key": "pep/ public_key",
    "ssh key": "ssh_host_key",
    "e-mail!": "delegate",
    "code!": "token",
    "choice!": "kind, way, duration, protocol",
    "choice": "begins",
    "row!": "devices, policy, pep, group_1, requests/new/ resource",
    "row": "requesters, break_glass_by, group_2, group_3, resource",
    "box!": "sure",
    "box": "is_public, is_on_pep, is_enabled, needs_mfa, ends_at_logout, DELETE, as, resources/ resource, page",
}
FIELDS = {name: kind for kind, names in OF_KIND.items() for name in names.split(", ")}
WITH = {  # what must be chosen beside it, or a field is not read at all
    "minutes": {"duration": ["custom"]},
    "starts_at": {"begins": ["later"]},
    "session_length": {"needs_mfa": []},
    "break_glass_longest": {"break_glass_by": []},
}
NEVER_ECHOED = {"key"}
SHORTER_THAN_A_KEY = 20


def kind_of(route, name):
    """Return the kind of a field, and whether it must not be empty; the longest line that speaks of the address comes first."""
    last = last_part(name)
    spoken = [line for line in FIELDS if line == last or (line.endswith(f" {last}") and line.rpartition(" ")[0] in route)]
    assert spoken, f"tests/portal/bad_inputs.py does not say what kind of field {last} is, at {route}"
    kind = FIELDS[max(spoken, key=len)]
    return kind.rstrip("!"), kind.endswith("!")


@dataclass(frozen=True)
class Field:
    """One field of one form, and somebody who was shown it."""

    browser: object
    form: Form
    name: str
    kind: str
    is_needed: bool

    def __str__(self):
        return f"{self.form.action} {self.name}"

    def send(self, text, language="en"):
        sent = {**self.form.filled(), **WITH.get(last_part(self.name), {}), self.name: [text]}
        ask = self.browser.post if self.form.method == "post" else self.browser.get
        return ask(self.form.action, sent, headers={"accept-language": language})

    def bad(self):
        """Return what is refused, and the words that say why: one of these, with | between. The first alone where a twin gets them all."""
        missing = {"": MISSING.get(self.kind, USUAL_MISSING)} if self.is_needed else {}
        found = {**missing, **BAD[self.kind]}
        is_a_twin = "ids" in self.form.sent or self.form.action.endswith("/change/") or "?extends=" in self.form.action
        return dict(list(found.items())[:1]) if is_a_twin else found

    def faults(self, before):
        """Return what is wrong with how this field answers bad inputs, one after the other."""
        found, said = [], {}
        with transaction.atomic():
            for text, words in self.bad().items():
                answer = self.send(text)
                sentence = Page(answer.text).said_at(self.name)
                said.setdefault(sentence, text)
                if answer.status_code >= 500 or not sentence or not re.search(words, sentence, re.IGNORECASE):
                    found.append((text[:40], answer.status_code, sentence[:200]))
                found += [(text[:40], fault) for fault in self.echoed(text, answer.text)]
            for english, text in said.items():
                german = Page(self.send(text, "de").text).said_at(self.name)
                if not german or german == english:
                    found.append((text[:40], "in German", german))
            after = rows()
            transaction.set_rollback(True)
        return found + ([("something was written",)] if after != before else [])

    def echoed(self, text, page):
        """Tell whether what was typed is in the field still, and never where it may have been a private key."""
        if self.kind in NEVER_ECHOED:
            return ["it is sent back"] if len(text) > SHORTER_THAN_A_KEY and text in page else []
        stays = self.name not in self.form.typed or even(str(Page(page).typed_in(self.name))) == even(text)
        return [] if stays else ["it is not in the field any more"]

    def keeps(self, text, before):
        """Tell whether a text that nobody should mind is kept as it is, and shown as text where the answer leads."""
        with transaction.atomic():
            answer = self.send(text)
            changed = [row for key, row in rows().items() if before.get(key) != row]
            shown = self.browser.get(answer.url).text if answer.status_code == 302 else answer.text
            transaction.set_rollback(True)
        kept = any(even(text) in even(value) for row in changed for value in texts_of(row) if isinstance(value, str))
        return kept and "<script>alert(" not in shown


def texts_of(row):
    """Yield what a row holds, and what an event's data do."""
    for value in row.values():
        yield from value.values() if isinstance(value, dict) else [value]


def even(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\n")


def fields_of(site, forms):
    """Return every field that somebody fills in, once for each address."""
    found = {}
    for name, form in forms:
        route = resolve(form.action.partition("?")[0]).route
        for each in sorted({*form.typed, *form.options}):
            if not form.is_spare(each):
                kind, is_needed = kind_of(route, each)
                key = route, re.sub(r"-\d+-", "-0-", each), "extends=" in form.action
                found.setdefault(key, Field(site.browsers[name], form, each, kind, is_needed))
    return list(found.values())
