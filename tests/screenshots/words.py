"""What each page is for: a line each, and the whole of docs/pages.md around them."""

import re
from collections.abc import Callable

from tests.screenshots.pages import Page

INTRODUCTION = """\
What there is to look at, who sees it, and what for: on a phone in the dark, and on a desk in the light. Texts are English here; the
pages speak German as well. `make screenshots` writes this page and the pictures, from a real portal with the demo's people;
`tests/test_screenshots.py` sees to it that no page is left out."""
HEAD = ["| page | phone | desk |", "|---|---|---|"]

TITLES = {"": "For everybody", "account": "Around signing in", "admin": "For approvers, auditors and admins"}
MOMENTS = "What pages become while one works"
SIGNING_IN = ("account-", "oidc-", "signed-", "socialaccount-")
PURPOSES = {
    "home": "What one has and until when, what waits for an answer, one's devices, and what needs one's attention.",
    "devices": "One's devices, where each was last heard, and what each reaches.",
    "device-new": "Enrols a laptop or a phone: the key is made in the browser, and a link hands the enrolment over to a phone.",
    "device": "One device: whether it works or why not, what it may reach, how to install it; change its key, suspend or retire it.",
    "device-key": "Gives the device a new key; its addresses stay.",
    "handover": "Where a computer waits for the phone that scanned its link, and compares the code.",
    "phone": "What a phone opens with the link that a computer shows, or with the code typed by hand.",
    "resources": "What there is to ask for, what one has already, and why one cannot ask.",
    "request-new": "Asks for access: which devices, how long, from when, why; says who answers and when it would end.",
    "bundle-new": "Asks for several resources by one form; each becomes a request of its own.",
    "emergency-new": "Takes access at once, without an approval, where the policy allows it; everybody passed over is told.",
    "requests": "All that one has asked for, the newest first.",
    "request": "Where one request stands, on each gateway, with its whole story; end it, or ask for more time.",
    "account-logout": "Asks before it signs out, where a page of ours did not; signs out everywhere, too.",
    "signed-out": "Says that one is signed out here.",
    "account-inactive": "Says why an account that was disabled cannot sign in, and whom to ask.",
    "socialaccount-login-cancelled": "Says that the sign-in was given up at the provider, and how to start again.",
    "oidc-login": "The way to the provider, and back to where one wanted to go.",
    "admin-index": "What waits for an answer, how the chain of the audit log stands, and the way to everything else.",
    "admin-app-list": "The same, of one part.",
    "admin-history": "What the audit log says of one thing and of what belongs to it, newest first, and the way to the log's own list.",
    "admin-accessrequest-approve": "Answers yes, for less time than asked if one likes, with all one needs to know.",
    "admin-accessrequest-deny": "Answers no, with a reason that whoever asked reads.",
    "admin-delegation-add": "Lets somebody answer in one's stead for a time.",
    "admin-delegation-end": "Ends that before its time.",
    "admin-device-approve": "Lets a new device in, where enrolment needs approval.",
    "admin-device-refuse": "Refuses a new device, with a reason.",
    "admin-device-suspend": "Cuts a device off until it is resumed.",
    "admin-device-resume": "Lets a suspended device back in.",
    "admin-device-lost": "Cuts a lost device off; it comes back with a new key only.",
    "admin-device-retire": "Takes a device out for good.",
    "admin-resource-retire": "Takes a resource out for good, with all access to it.",
    "admin-grant-revoke": "Ends access at once, with a reason.",
    "admin-grant-justified": "Reviews emergency access, and finds it justified.",
    "admin-grant-not-justified": "Reviews emergency access, and finds it not justified: what is left of it ends.",
    "admin-heldchange-confirm": "Lets a directory take many people out of a group.",
    "admin-heldchange-dismiss": "Keeps them in.",
    "admin-user-disable": "Cuts somebody off at once, and can be undone.",
    "admin-user-leave": "Records that somebody has left: everything ends for good.",
    "admin-user-enable": "Undoes a disabling.",
    "admin-review-approvers": "How approvers answer: how often, how fast, yes or no; to read or to take along.",
    "admin-auditevent-verify": "Checks the whole chain of the audit log.",
    "admin-auditevent-reach": "Who could reach what at any moment, as authorised beside as enforced.",
    "admin-pepstatus-lock-down": "Closes a gateway to everything but WireGuard and its own administration, on trial first.",
    "admin-pepstatus-leave-open": "Takes that back.",
}
MODELS = {
    "accessrequest": ("access request", "access requests, the oldest that waits first"),
    "delegation": ("delegation", "who stands in for whom, and until when"),
    "device": ("device", "everybody's devices"),
    "pep": ("gateway", "gateways, with how each is"),
    "resource": ("resource", "resources, their ports, and the gateways they are on"),
    "grant": ("grant", "grants: who has what, until when, and where it stands"),
    "heldchange": ("held change", "what a directory wants to take away from many at once, and what became of it"),
    "user": ("person", "people and their groups"),
    "group": ("group", "groups, which come from the provider or the directory"),
    "accesspolicy": ("access policy", "policies: who must agree, for how long, and on what conditions"),
    "review": ("answer", "answers that approvers gave, and how long each took"),
    "auditevent": ("event", "the audit log: everything that anybody did, the newest first"),
    "pepstatus": ("gateway's state", "states of gateways: reached when, agreed when, and what is wrong"),
    "enforcement": ("enforcement", "where each grant stands on each gateway, as read back from it"),
    "receipt": ("receipt", "what gateways said that their kernels held"),
    "drift": ("drift", "what a gateway's kernel held that nobody had decided"),
}
KINDS = {
    "changelist": "All {many}.",
    "add": "Adds a {one}.",
    "change": "One {one}, with everything known about it.",
}


def purpose(name: str) -> str:
    """Say what a page is for. Raises KeyError for a page that nobody has described."""
    if name in PURPOSES:
        return PURPOSES[name]
    _admin, _, rest = name.partition("-")
    model, _, kind = rest.partition("-")
    one, many = MODELS[model]
    return KINDS[kind].format(one=one, many=many)


def part(name: str) -> str:
    """Return the part of docs/pages.md that a page belongs into."""
    if name.startswith("admin-"):
        return "admin"
    return "account" if name.startswith(SIGNING_IN) else ""


def document(pages: list[Page], moments: dict[str, Callable[..., object]]) -> str:
    """Return docs/pages.md. `moments` are what pages become while one works, each with a docstring."""
    lines = ["# Every page", "", INTRODUCTION, ""]
    for which, title in TITLES.items():
        here = [page for page in pages if part(page.name) == which]
        lines += [f"## {title}", "", *HEAD, *(row(page.name, words(page)) for page in here), ""]
    return "\n".join([*lines, f"## {MOMENTS}", "", *HEAD, *(row(name, str(moment.__doc__)) for name, moment in moments.items()), ""])


def words(page: Page) -> str:
    return f"`/{address(page.route)}` {purpose(page.name)} Seen by: {page.who}."


def row(name: str, words: str) -> str:
    """Return a line of a table: words, and both pictures; the words beside them say what they show."""
    pictures = (f'<img src="screenshots/{name}.{size}.webp" alt="" width="{width}">' for size, width in (("phone", 160), ("desk", 480)))
    return f"| {words} | {' | '.join(pictures)} |"


def address(route: str) -> str:
    """Return a route as people read it."""
    return re.sub(r"\^?\(\?P<(\w+)>.*", r"<\1>/", re.sub(r"<\w+:(\w+)>", r"<\1>", route))
