"""What a page that answers a form says at a field, to eyes and to a screen reader, and what stands in the field still."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"input", "br", "img", "meta", "link", "hr", "wbr", "source", "path", "use", "rect", "circle"}


@dataclass
class Control:
    """One control, and what describes it or the group that it is in."""

    tag: str
    given: dict[str, str]
    group: dict[str, str]
    value: str = ""

    @property
    def is_invalid(self):
        return self.given.get("aria-invalid") == "true"

    @property
    def described_by(self):
        return f"{self.given.get('aria-describedby') or ''} {self.group.get('aria-describedby') or ''}".split()


@dataclass
class Element:
    """An element with an id, and all that is written in it."""

    kinds: tuple[str, ...]
    words: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """The controls of a page by their name, and the elements by their id."""

    def __init__(self, text):
        super().__init__()
        self.controls, self.elements, self.open, self.option = {}, {}, [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        if "id" in given:
            self.elements[given["id"]] = Element(tuple(given.get("class", "").split()))
        if tag in {"input", "select", "textarea"} and given.get("name"):
            group = next((each for name, each in reversed(self.open) if name == "fieldset"), {})
            self.controls.setdefault(given["name"], []).append(Control(tag, given, group, given.get("value", "")))
        if tag == "option" and "selected" in given and (select := self.inside("select")):
            self.controls[select["name"]][-1].value = given.get("value", "")
        if tag not in VOID:
            self.open.append((tag, given))

    def handle_endtag(self, tag):
        while self.open and any(name == tag for name, _given in self.open) and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        for _tag, given in self.open:
            if "id" in given:
                self.elements[given["id"]].words.append(data)
        if (area := self.inside("textarea")) and area.get("name"):
            self.controls[area["name"]][-1].value += data

    def inside(self, tag):
        return next((given for name, given in reversed(self.open) if name == tag), None)

    def said_at(self, name):
        """Return what is said to be wrong with a field, to ears as to eyes: "" where it is not joined to it."""
        for control in self.controls.get(name, ()):
            errors = [self.elements[each] for each in control.described_by if each in self.elements]
            said = [" ".join("".join(each.words).split()) for each in errors if {"error", "errorlist"} & {*each.kinds}]
            if control.is_invalid and any(said):
                return " ".join(said)
        return ""

    def typed_in(self, name):
        """Return what stands in a field; the ticks of several boxes, one after the other."""
        found = self.controls.get(name, ())
        if any(each.given.get("type") in {"checkbox", "radio"} for each in found):
            return [each.value for each in found if "checked" in each.given]
        return found[0].value.removeprefix("\n") if found else None
