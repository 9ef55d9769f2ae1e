"""A PEP that lies about itself: it may hide what it holds, and do nothing to the portal or to what is said of other PEPs."""

import sys

import pytest
from django.utils import timezone

from enforcement import transport, turns
from enforcement.models import Enforcement, PepStatus, Receipt
from enforcement.reconcile import reconcile
from enrollment import lifecycle
from tests import factories

pytestmark = pytest.mark.django_db

LIAR = """
import hashlib, json, sys
def say(value): print(json.dumps(value), flush=True)
def hear(): return json.loads(sys.stdin.readline() or sys.exit())
generation, keys, extra = 0, [], []
while True:
    asked = hear()
    common = {"version": 1, "pep": "pep-1", "agent": "0.1.0", "nonce": "a" * 32, "now": 1.0, "generation": generation}
    hello = {"kind": "hello", "public_key": None, **common}
    if asked["verb"] == "apply":
        written = json.dumps(asked["state"], sort_keys=True, separators=(",", ":")).encode()
        keys += [key for key, _addresses in asked["state"]["peers"]]
        receipt = {
            "kind": "receipt", "document": "sha256:" + hashlib.sha256(written).hexdigest(), "digest": "sha256:1", "outcome": "applied",
            "why": [], "missing": {"peers": [], "admissions": [], "placements": []}, "extra": {"peers": [], "admissions": []},
            "counts": {"peers": 0, "admissions": 0, "placements": 0}, "lease_until": None, "drift": [], "handshakes": {}, "took_ms": 1.0,
            **common,
        }
    LIE
    say(hello if asked["verb"] == "hello" else receipt)
"""


@pytest.fixture
def lie(settings, tmp_path, pep):
    """Return a function that makes pep-1 lie in this way, and does a pass over it."""

    def told(statement="pass"):
        transport.POOL.close()
        path = tmp_path / "liar.py"
        path.write_text(LIAR.replace("LIE", statement))
        settings.PEP_ARGV = {"pep-1": [sys.executable, "-I", "-S", str(path)]}
        turns.mark_due([pep.pk])
        return reconcile(pep.pk, timezone.now())

    yield told
    transport.POOL.close()


@pytest.fixture
def grant(alice, bob, fileshare, laptop):
    return factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=timezone.now())


@pytest.mark.parametrize("claimed", [2**63 - 1, 2**62])
def test_a_generation_that_nobody_drew_is_not_followed(lie, claimed):
    lie(f"hello['generation'] = {claimed}")
    lie(f"hello['generation'] = {claimed}")
    assert lie().error == ""
    assert PepStatus.objects.get().generation == 3


@pytest.mark.parametrize("name", ["peers", "admissions"])
def test_a_count_beyond_what_any_database_keeps_is_no_receipt(lie, name):
    outcome = lie(f"if asked['verb'] == 'apply': receipt['counts']['{name}'] = 2 ** 31")
    assert f"{name} is not a whole number" in outcome.error
    assert not Receipt.objects.exists()


def test_what_is_gone_while_its_peer_is_not_stays_unconfirmed(lie, grant):
    assert lie().error == ""
    assert Enforcement.objects.get().state == "in_force"
    lifecycle.revoke(grant, actor=None, reason="", now=timezone.now())
    lie(f"if asked['verb'] == 'apply': receipt['extra']['peers'] = ['{grant.devices.get().public_key}']")
    assert (Enforcement.objects.get().state, Enforcement.objects.get().gone_at) == ("ending", None)
    lie()
    assert Enforcement.objects.get().state == "gone"


def test_a_receipt_in_the_name_of_another_pep_says_nothing_of_either(lie, grant):
    other = factories.a_pep(2, now=timezone.now())
    assert "another PEP answered: pep-2" in lie("if asked['verb'] == 'apply': receipt['pep'] = 'pep-2'").error
    assert (Enforcement.objects.get().state, Receipt.objects.count()) == ("wanted", 0)
    assert not PepStatus.objects.filter(pk=other.pk).exclude(reached_at=None).exists()
