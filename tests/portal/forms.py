"""Every form that the portal shows to anybody, found by asking every address as everybody, and filled in as a person would.

Nothing here knows a form by name: it reads pages. So a form that somebody adds is found,
filled by its fields' names (`TYPED` has what to type), and sent with whatever a test adds.
"""

import re
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import urljoin
from uuid import uuid4

from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone
from django.utils.datastructures import MultiValueDict

from tests import factories

# What to type where a field of this name, or of this name within a row of a page, has nothing in it yet.
TYPED = {
    "name": "something-new",
    "slug": "something-new",
    "description": "What it is for",
    "reason": "because",
    "comment": "fine",
    "ticket": "OPS-7",
    "way": "pasted",
    "duration": "3600",
    "as": "jsonl",
    "public_key": factories.a_key("typed"),
    "endpoint_host": "vpn.example.com",
    "endpoint_port": "51820",
    "lease_seconds": "8 h",
    "ssh_host": "pep.example.com",
    "ssh_host_key": factories.an_ssh_key("typed"),
    "prefix_v4": "10.89.90.0/24",
    "prefix_v6": "fd89:0:0:90::/64",
    "first": "8443",
    "target_v4": "192.168.89.77",
    "target_v6": "fd00:89::77",
    "delegate": "alice@example.com",
    "lasts": "2 d",
    "break_glass_longest": "30 min",
    "session_length": "12 h",
}
LATER = {"starts_at": timedelta(hours=1), "ends_at": timedelta(hours=2)}  # from now, where a form asks for an instant
MODELS = ("enrollment", "enforcement", "auth")


@dataclass
class Form:
    """One form of one page: where it goes, what a browser would send, and the names of the fields that one types in."""

    action: str = ""
    method: str = "get"
    sent: MultiValueDict = field(default_factory=MultiValueDict)
    typed: list[str] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)
    page: str = ""

    def filled(self):
        """Return what is sent once every empty field has something plausible in it."""
        found = {name: list(values) for name, values in self.sent.lists()}
        for name in self.typed:
            if not any(found.get(name, ())) and not self.is_spare(name):
                found[name] = [typed(name)]
        for name, options in self.options.items():
            if self.is_spare(name):
                continue
            wanted = TYPED.get(last_part(name))
            if wanted in options:
                found[name] = [wanted]
            elif not any(found.get(name, ())) and required(name):
                found[name] = [next(option for option in options if option)]
        found.pop("csrfmiddlewaretoken", None)
        if "once" in found:
            found["once"] = [str(uuid4())]
        return found

    def is_spare(self, name):
        """Tell whether a field is of a row that a page offers beyond those it has."""
        rows, _, number = name.rpartition("-")[0].rpartition("-")
        begun = int(self.sent.get(f"{rows}-INITIAL_FORMS") or 0)
        return begun > 0 and number.isdigit() and int(number) >= begun


def last_part(name):
    return name.rpartition("-")[2]


def typed(name):
    """Return what a person would type into a field of this name."""
    when, _, part = last_part(name).rpartition("_") if name[-2:] in {"_0", "_1"} else (last_part(name), "", "")
    if when in LATER:
        moment = timezone.now() + LATER[when]
        return f"{moment:%Y-%m-%d}" if part == "0" else f"{moment:%H:%M}" if part else f"{moment:%Y-%m-%d %H:%M}"
    return TYPED.get(last_part(name), "")


def required(name):
    return not re.search(r"(group|need)_[23]|requesters|is_|_all$|DELETE", name)


class Reader(HTMLParser):
    """Gathers the forms of a page."""

    def __init__(self, page):
        super().__init__()
        self.page, self.forms, self.select, self.area, self.is_open = page, [], "", "", False

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self.is_open = True
            action = urljoin(self.page, given.get("action") or "")
            self.forms.append(Form(action=action, method=(given.get("method") or "get").lower(), page=self.page))
        elif self.is_open:
            getattr(self, f"read_{tag}", lambda _given: None)(given)

    def handle_endtag(self, tag):
        if tag == "form":
            self.is_open = False
        elif tag in {"select", "textarea"}:
            self.select = self.area = ""

    def handle_data(self, data):
        if self.area:
            self.forms[-1].sent.setlist(self.area, [(self.forms[-1].sent.get(self.area) or "") + data.removeprefix("\n")])

    def read_input(self, given):
        form, name, kind, value = self.forms[-1], given.get("name"), given.get("type", "text"), given.get("value") or ""
        if not name or "disabled" in given or "__prefix__" in name:
            return
        if kind in {"checkbox", "radio"}:
            form.options.setdefault(name, []).append(value or "on")
        if kind in {"submit", "image"}:
            if not form.sent.get("_save"):
                form.sent.setlist(name, [value]) if name == "_save" else None
        elif kind not in {"checkbox", "radio"} or "checked" in given:
            form.sent.appendlist(name, value)
        if kind in {"text", "number", "search", "email", "url", "datetime-local", "date", "time"}:
            form.typed.append(name)

    def read_button(self, given):
        if given.get("name"):
            self.forms[-1].options.setdefault(given["name"], []).append(given.get("value") or "")

    def read_textarea(self, given):
        if given.get("name") and "__prefix__" not in given["name"]:
            self.area = given["name"]
            self.forms[-1].sent.setlist(self.area, [""])
            self.forms[-1].typed.append(self.area)

    def read_select(self, given):
        self.select = "" if "__prefix__" in given.get("name", "") else given.get("name", "")
        if self.select:
            self.forms[-1].options[self.select] = []

    def read_option(self, given):
        if self.select:
            self.forms[-1].options[self.select].append(given.get("value") or "")
            if "selected" in given:
                self.forms[-1].sent.appendlist(self.select, given.get("value") or "")


def forms_of(response, page, method="post"):
    """Return the forms of a page that are sent by POST, or those that are not."""
    if response.status_code not in {200, 409, 422} or "html" not in response.get("Content-Type", ""):
        return []
    reader = Reader(page)
    reader.feed(response.content.decode())
    return [form for form in reader.forms if form.method == method]


def every_form(browser, pages):
    """Yield every form that these pages show to somebody, confirm pages behind the actions of lists too."""
    for page in pages:
        answer = browser.get(page)
        yield from forms_of(answer, page, "get")
        for form in forms_of(answer, page):
            rows = form.options.get("_selected_action", ())
            if "action" not in form.options:
                yield form
            for action in form.options.get("action", ()):
                if action and rows:
                    answer = browser.post(form.action, {"action": action, "_selected_action": list(rows)})
                    yield from (each for each in forms_of(answer, form.action) if "action" not in each.options)


def rows():
    """Return every row of every table of ours, column by column."""
    ours = [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label in MODELS]
    return {(model._meta.label, row["pk"]): settled(row) for model in ours for row in model.objects.values("pk", *columns(model))}


def settled(row):
    """Leave out what chance puts into a row: a password that never matches."""
    return {name: value[:1] if name == "password" else value for name, value in row.items()}


def columns(model):
    """Name the columns of a table, but for one that asks the clock whatever a test says, and one that chance alone fills."""
    others = {"enrollment.Notice": "due_at", "enrollment.Handover": "digest"}
    return [each.attname for each in model._meta.concrete_fields if each.attname != others.get(model._meta.label)]


class Tried:
    """What became of one POST that was undone again: the answer, the rows as it left them, and how many nudges it had in store.

    Where it was turned away there are no rows to look at.
    """

    def __init__(self, browser, form, sent):
        kept = deepcopy(browser.cookies)
        with transaction.atomic():
            before = len(connection.run_on_commit)
            self.answer = browser.post(form.action, sent)
            self.body = self.answer.getvalue() if self.answer.streaming else self.answer.content
            self.rows = None if self.answer.status_code in {403, 404, 405} else rows()
            self.nudges = len(connection.run_on_commit) - before
            transaction.set_rollback(True)
        browser.cookies = kept
