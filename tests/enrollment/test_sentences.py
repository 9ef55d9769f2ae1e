"""Sentences: English for whoever reads them as text, and the reader's language where a page shows them."""

import copy
import pickle

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.template import Context, Template

from enrollment import sentences
from enrollment.sentences import Sentence, counted, joined, recalled, say, spoken

GERMAN = {
    "Access ended on {when}.": "Der Zugang endete {when}.",
    "{day} at {time} UTC": "am {day} um {time} UTC",
    "The PEP refused.": "Das Gateway hat abgelehnt.",
    "Only {names}.": "Nur {names}.",
}
PLURALS = {"{count} day": ("{count} Tag", "{count} Tage")}


@pytest.fixture
def german(monkeypatch):
    """A tongue of a few words: what the catalogue holds is not what is tried here."""

    def tongue(one, many, number):
        return PLURALS[one][number != 1] if many else GERMAN.get(one, one)

    monkeypatch.setattr(Sentence, "tongue", staticmethod(tongue))


ENDED = say("Access ended on {when}.", when=say("{day} at {time} UTC", day="2026-03-02", time="09:00:00"))


def test_a_sentence_is_its_english_for_whoever_takes_it_as_text(german):
    assert ENDED == "Access ended on 2026-03-02 at 09:00:00 UTC."
    assert f"{ENDED} Ask." == "Access ended on 2026-03-02 at 09:00:00 UTC. Ask."
    assert {ENDED: 1}["Access ended on 2026-03-02 at 09:00:00 UTC."] == 1


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        (ENDED, "Der Zugang endete am 2026-03-02 um 09:00:00 UTC."),
        (counted("{count} day", "{count} days", count=1), "1 Tag"),
        (counted("{count} day", "{count} days", count=2), "2 Tage"),
        (joined([recalled("The PEP refused."), "pep-1"], by=": "), "Das Gateway hat abgelehnt.: pep-1"),
        (recalled("50 {% of nothing"), "50 {% of nothing"),
        (say("Only {names}.", names="{day} %s {0}"), "Nur {day} %s {0}."),
    ],
)
def test_it_is_said_in_the_readers_language_with_all_that_is_in_it(german, sentence, said):
    assert sentence.spoken() == said


def test_a_page_shows_it_in_the_readers_language_and_escaped(german):
    page = Template("{{ one }} {% for each in all %}{{ each }}{% endfor %} {{ all|join:', ' }}")
    hostile = say("Only {names}.", names="<b>")
    shown = page.render(Context({"one": hostile, "all": [recalled("The PEP refused.")]}))
    assert shown == "Nur &lt;b&gt;. Das Gateway hat abgelehnt. Das Gateway hat abgelehnt."


def test_it_stays_a_sentence_on_its_way_through_exceptions_and_forms(german):
    assert spoken(str(ValueError(ENDED))) == ENDED.spoken()
    form = forms.Form({})
    form.full_clean()
    form.add_error(None, ENDED)
    form.add_error(None, ValidationError([recalled("The PEP refused.")]))
    assert ENDED.spoken() in form.non_field_errors().as_ul()
    assert "hat abgelehnt" in form.non_field_errors().as_ul()


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])  # noqa: S301 - our own
def test_a_copy_of_it_is_one_too(german, again):
    assert again(ENDED).spoken() == ENDED.spoken()


@pytest.fixture
def known(german, monkeypatch):
    """What rows may keep, in this test."""
    monkeypatch.setattr(sentences, "_KEPT", {})
    for template in ("{pep}: {error}", "{pep} did not answer: {words}", "Access ended on {when}.", "{day} at {time} UTC"):
        sentences.kept(template)
    yield
    monkeypatch.undo()
    sentences.kept("{pep}: {error}")  # forgets what was looked up meanwhile


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (str.__str__(ENDED), "Der Zugang endete am 2026-03-02 um 09:00:00 UTC."),
        ("pep-1: Access ended on 2026-03-02 at 09:00:00 UTC.", "pep-1: Der Zugang endete am 2026-03-02 um 09:00:00 UTC."),
        ("The PEP refused.; Access ended on Monday.", "Das Gateway hat abgelehnt.; Der Zugang endete Monday."),
        ("pep-1: No such file", "pep-1: No such file"),
        ("Access ended on <b>{when}</b>.", "Der Zugang endete <b>{when}</b>."),
        ("Access ended on .", "Access ended on ."),
    ],
)
def test_what_a_row_keeps_in_english_is_a_sentence_again(known, text, said):
    assert (recalled(text), recalled(text).spoken()) == (text, said)


def test_a_gateway_that_sends_sentences_within_sentences_holds_up_no_page(known):
    for evil in ("pep: " * 200, "; ".join(["pep: The PEP refused."] * 2000), "pep did not answer: " * 100, " at UTC" * 200):
        assert recalled(evil) == evil
        assert recalled(evil).spoken()
