"""What somebody does by hand on a PEP, told by the portal: a row and a sentence in the audit log for each, and honest grants meanwhile."""

from datetime import timedelta

import pytest
from django.utils import timezone

from enforcement.models import Drift
from enrollment.models import AuditEvent
from tests.enforcement.pep.agents import SET, key
from tests.enforcement.world import BOTH

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

AGAIN = f"nft 'delete element inet lychgate {SET} {{ 10.89.0.2 }}; add element inet lychgate {SET} {{ 10.89.0.2 timeout %s }}'"
STRANGER = key(77)
# A line for root's shell, and for each thing that was found its kind and how its sentence begins.
BY_HAND = {
    "an element added": (
        f"nft 'add element inet lychgate {SET} {{ 10.89.0.77 timeout 9h }}'",
        {"element added": "10.89.0.77 was added to device-access-to-fileshare by hand; removed"},
    ),
    "an element lengthened": (AGAIN % "9h", {"element lengthened": "10.89.0.2 in device-access-to-fileshare was lengthened by"}),
    "an element shortened": (AGAIN % "60s", {"element shortened": "10.89.0.2 in device-access-to-fileshare was shortened by"}),
    "an element deleted": (
        f"nft 'delete element inet lychgate {SET} {{ 10.89.0.2 }}'",
        {"element missing": "10.89.0.2 was removed from device-access-to-fileshare by hand; put back"},
    ),
    "a peer added": (
        f"wg set $WG peer {STRANGER} allowed-ips 10.89.0.77/32",
        {"peer added": f"the peer {STRANGER} was added by hand; removed"},
    ),
    "a peer removed": ("wg set $WG peer $LAPTOP remove", {"peer removed": "the peer $LAPTOP was removed by hand; put back"}),
    "an address moved": (
        f"wg set $WG peer {STRANGER} allowed-ips 10.89.0.2/32",
        {
            "addresses moved": "the addresses of the peer $LAPTOP were changed by hand; put back",
            "peer added": f"the peer {STRANGER} was added by hand; removed",
        },
    ),
    "a peer that may send from anywhere": (
        "wg set $WG peer $LAPTOP allowed-ips 10.89.0.2/32,fd89::2/128,0.0.0.0/0",
        {"addresses moved": "the addresses of the peer $LAPTOP were changed by hand; put back"},
    ),
    "our table deleted": ("nft delete table inet lychgate", {"table missing": "the table inet lychgate was deleted by hand"}),
    "a rule of somebody's": (
        "nft insert rule inet lychgate forward accept",
        {"table changed": "the table inet lychgate was changed by hand"},
    ),
    "a resource retargeted": (
        "nft 'delete element inet lychgate targets { 10.89.65.10 }; add element inet lychgate targets { 10.89.65.10 : 192.168.89.66 }'",
        {"table changed": "the table inet lychgate was changed by hand"},
    ),
    "the guard table deleted": ("nft delete table inet lychgate-guard", {"guard missing": "the guard table was deleted by hand; put back"}),
    "the routing guard deleted": ("ip rule del pref 101", {"routing guard changed": "the routing rules down to the guard's were changed"}),
    "everything flushed": (
        "nft flush ruleset",
        {"guard missing": "the guard table was deleted by hand", "table missing": "the table inet lychgate was deleted by hand"},
    ),
}


@pytest.fixture
def granted(world):
    """A grant that is in force, and a way to do something by hand on its PEP."""
    world.held = world.grant()
    world.reconcile()
    keys = {"$WG": world.gateway.interface, "$LAPTOP": world.laptop.public_key}

    def named(text):
        for name, value in keys.items():
            text = text.replace(name, value)
        return text

    world.named = named
    return world


@pytest.mark.parametrize(("command", "found"), BY_HAND.values(), ids=BY_HAND)
def test_each_thing_done_by_hand_is_a_row_and_a_sentence_and_is_set_right(granted, command, found):
    since = granted.row(granted.held).in_force_at
    granted.gateway.sh(granted.named(command))
    assert granted.reconcile().error == ""
    rows = list(Drift.objects.order_by("kind"))
    assert [row.kind for row in rows] == sorted(found)
    assert all(row.words.startswith(granted.named(found[row.kind])) for row in rows), rows
    [event] = AuditEvent.objects.filter(verb="pep.drift")
    assert (event.data["count"], sorted(event.data["words"])) == (len(found), sorted(row.words for row in rows))
    assert (granted.gateway.admitted(), granted.gateway.peers()) == (BOTH, {granted.laptop.public_key: {"10.89.0.2/32", "fd89::2/128"}})
    assert (granted.row(granted.held).state, granted.row(granted.held).in_force_at) == ("in_force", since)
    granted.reconcile()
    assert (Drift.objects.count(), AuditEvent.objects.filter(verb="pep.drift").count()) == (len(found), 1)


def test_a_table_of_somebody_else_is_no_news(granted):
    granted.gateway.sh("nft add table inet theirs")
    granted.reconcile()
    assert (Drift.objects.exists(), AuditEvent.objects.filter(verb="pep.drift").exists()) == (False, False)
    assert "theirs" in granted.gateway.sh("nft list tables")


def test_a_grant_that_the_kernel_lost_and_cannot_get_back_is_not_in_force(granted, tmp_path):
    """The agent cannot read what it remembers, so it opens nothing: the row says so until it can again."""
    memory = tmp_path / "state" / "last.jsonl"
    kept, held_since = memory.read_bytes(), granted.row(granted.held).in_force_at
    memory.unlink()
    memory.mkdir()
    granted.gateway.sh(f"nft flush set inet lychgate {SET}")
    granted.reconcile()
    row = granted.row(granted.held)
    assert (row.state, row.in_force_at, "cannot read what it remembers" in row.error) == ("wanted", None, True)
    assert row.wanted_at > held_since  # it is late from now on, not since it was granted
    memory.rmdir()
    memory.write_bytes(kept)
    assert granted.reconcile().error == ""
    assert (granted.row(granted.held).state, granted.gateway.admitted()) == ("in_force", BOTH)


def test_a_pep_where_nothing_happens_is_looked_at_again_with_every_sweep(granted, settings):
    sweep = timedelta(seconds=settings.SWEEP_SECONDS)
    assert granted.reconcile().due_at <= timezone.now() + sweep
    assert sweep <= timedelta(seconds=20), "30 s are promised, a pass included"
