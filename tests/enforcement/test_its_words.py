"""What the agent says, and what rows keep of it, in German: the table of its sentences is held against the agent's code."""

import ast
import re

import pytest
from django.utils import translation

from enforcement import its_words, transport
from enforcement.models import Alarm, Drift, Enforcement, PepStatus, Receipt
from enrollment import audit
from enrollment.models import AuditCheck
from enrollment.sentences import SEVERAL, recalled, say, spoken
from tests.factories import NOW
from tests.portal.test_catalogue import CATALOGUE, ROOT, read
from tests.portal.test_german import ENGLISH, words_of

AGENT = ROOT / "enforcement/pep"
SPEAKS = ("agent", "allow", "apply", "blame", "caps", "drift", "guards", "lockdown", "memory", "observe", "trial")
TABLE = [template for name, group in vars(its_words).items() if name.isupper() for template in group]
# How its sentences begin. What is wrong with a PEP's own file is read by root there, and stays as it is.
BEGINS = re.compile(r"(?:the (?!device pool|agent)|this (?!agent speaks)|alarm: |generation |another |and 7|no such |lock-down is )")
KEPT_NOWHERE = {"alarm: audit log", "the table inet lychgate is 7"}  # a line of its journal, and what it answers to a mere look
VALUE = re.compile(r"\{\w*\}")


def texts(module):
    """Every text in the code of a module that is no docstring, with 7 for each value."""
    tree = ast.parse((AGENT / f"{module}.py").read_text())
    whole = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {part for node in whole for part in ast.walk(node)} | {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in whole:
        yield VALUE.sub("7", "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            yield VALUE.sub("7", node.value)


SAID = sorted({half for module in SPEAKS for text in texts(module) for half in text.split(SEVERAL)})


def test_the_agent_says_each_sentence_of_the_table_still():
    said = {recalled(half).template for half in SAID}
    ends = tuple(f": {template}" for template in TABLE if VALUE.search(template) is None)
    said |= {end[2:] for end in ends if any(half.endswith(end) for half in SAID)}
    assert [template for template in TABLE if template not in said] == []


def test_each_sentence_that_the_agent_says_is_in_the_table():
    found = {half for half in SAID if BEGINS.match(half)} - KEPT_NOWHERE
    assert len(found) > 35
    assert [half for half in found if recalled(half).template not in TABLE] == []


def test_no_sentence_of_ours_is_taken_for_another():
    ours = read((ROOT / CATALOGUE).with_suffix(".mo"))
    plain = [text for text in ours if isinstance(text, str) and "{" not in text and SEVERAL not in text]
    assert [text for text in plain if recalled(text).template != text] == []


NO_ROUTE = "pep-1: ssh ended before it answered (exit status 255): ssh: connect to host pep-1: No route"
REFUSED = "the resource x leads to 10.0.0.7 tcp 22-22, which this PEP's owner does not allow"
DRIFT = "10.89.0.2 was added to lan-v4 by hand; removed"


@pytest.fixture
def in_german(client, dave):
    """A page as dave reads it, once something was kept."""
    client.force_login(dave)

    def read_page(path):
        return words_of(client.get(path, headers={"accept-language": "de"}).text).found

    return read_page


def test_the_page_of_a_pep_says_in_german_what_was_kept_in_english(in_german, pep, grant_of_alice, laptop, now):
    lock = str.__str__(say(transport.TOO_EARLY, pep="pep-1"))
    PepStatus.objects.create(pep=pep, busy_until=NOW, due_at=NOW, error=NO_ROUTE, failing_since=NOW, unreached_since=NOW, lock_words=lock)
    Alarm.objects.create(pep=pep, kind="drift", since=NOW, seen_at=NOW, words=DRIFT)
    Drift.objects.create(pep=pep, at=NOW, kind="element added", words=DRIFT)
    why = [REFUSED, "a sentence of a newer agent"]
    Receipt.objects.create(
        pep=pep, generation=1, at=NOW, digest="", wanted_digest="", outcome="refused", why=why, peers=0, admissions=0, took_ms=1
    )
    Enforcement.objects.create(grant=grant_of_alice, device=laptop, pep=pep, wanted_at=NOW, error=REFUSED)
    page = "\n".join(in_german(f"/admin/enforcement/pepstatus/{pep.pk}/change/"))
    assert page.count("10.89.0.2 wurde von Hand zu lan-v4 hinzugefügt; entfernt") == 2
    assert "Nicht erreichbar seit" in page
    assert "pep-1: ssh endete, bevor es geantwortet hat (Status 255): ssh: connect to host pep-1: No route" in page
    assert "pep-1 hat geantwortet, bevor es gefragt war" in page
    assert "die Ressource x führt zu 10.0.0.7 tcp 22-22, was dieses Gateway nicht erlaubt" in page
    assert "a sentence of a newer agent" in page
    assert [text for text in page.splitlines() if ENGLISH.search(text) and "newer agent" not in text and "No route" not in text] == []


def test_people_read_in_german_why_their_access_is_not_in_force(client, alice, pep, grant_of_alice, laptop):
    PepStatus.objects.create(pep=pep, busy_until=NOW, due_at=NOW)
    Enforcement.objects.create(grant=grant_of_alice, device=laptop, pep=pep, wanted_at=NOW, error=REFUSED)
    client.force_login(alice)
    for path in ("/", f"/requests/{grant_of_alice.request_id}/", f"/devices/{laptop.pk}/"):
        page = client.get(path, headers={"accept-language": "de"}).text
        assert "which this PEP" not in re.sub(r"<[^>]+>", " ", page), path


def test_the_check_of_the_log_says_in_german_what_it_found(in_german):
    problems = ["Event 4, which a witness saw, is missing.", "The head of the chain does not match the last event."]
    warnings = [f"pep-1 could not be asked what it saw of the log: {NO_ROUTE}"]
    AuditCheck.objects.create(at=NOW, by=audit.SYSTEM, seq=3, hash="", witnesses=1, problems=problems, warnings=warnings)
    page = "\n".join(in_german("/admin/"))
    assert "Ereignis 4, das ein Zeuge gesehen hat, fehlt." in page
    assert "pep-1 konnte nicht gefragt werden" in page
    assert "Gefunden durch das System" in page


def test_what_is_kept_is_english_and_what_is_old_is_read_as_it_was(db, pep):
    kept = Alarm.objects.create(pep=pep, kind="drift", seen_at=NOW, words=say(transport.TOO_EARLY, pep="pep-1"))
    kept.refresh_from_db()
    old = Alarm(pep=pep, kind="said", words="the guard fell asleep: 7 s")
    with translation.override("de"):
        assert (kept.words, kept.what.spoken()) == ("pep-1 answered before it was asked", "pep-1 hat geantwortet, bevor es gefragt war")
        assert spoken(old.what) == "the guard fell asleep: 7 s"
