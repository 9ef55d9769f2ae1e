"""What nft and the kernel make of the ruleset: every slug loads, edits and replacements meet, nothing lasts for ever."""

import json
import re
import subprocess
import time

import pytest

from enforcement.pep import ruleset
from enforcement.pep.state import Port
from tests.lab import RESOURCE, UNLISTED, PepLab, address, admission, doors, fileshare, needs_namespaces, on_the_pep

pytestmark = [needs_namespaces, pytest.mark.lab]

KEYWORDS = (
    *("log", "tcp", "udp", "policy", "forward", "accept", "drop", "reject", "set", "map", "chain", "table", "type", "ip", "ip6", "inet"),
    *("element", "elements", "flags", "timeout", "counter", "limit", "ct", "meta", "goto", "jump", "return", "vmap", "or", "and", "not"),
    *("input", "output", "prerouting", "postrouting", "refuse", "admit", "errors", "bounded", "alive", "resources", "targets", "v6"),
    *("fileshare", "fileshare-6", "fileshare-v6", "a", "a-", "a--b", "x" * 31, "device-access-policies", "refused-from", "flows-of"),
)


@pytest.fixture(scope="module")
def lab():
    with PepLab() as lab:
        lab.load_guards()
        yield lab


def placed(number, slug):
    v4, v6 = address(f"10.89.65.{number}"), address(f"fd89:0:0:1::{number:x}")
    return fileshare(id=number, slug=slug, overlay_v4=v4, overlay_v6=v6)


def listing(lab):
    """Return the table as nft prints it, its blocks in one order, without what packets left behind."""
    words = lab.run("pep", ["nft", "-s", "list", "table", "inet", "lychgate"])
    blocks = re.findall(r"^\t(?:set|map|chain) .*?^\t\}", words, re.MULTILINE | re.DOTALL)
    return sorted(" ".join(sorted(re.findall(r"[^\s,]+", block))) for block in blocks)


def test_slugs_that_are_keywords_or_names_of_ours_load_and_can_be_edited(lab):
    placements = tuple(placed(number, slug) for number, slug in enumerate(KEYWORDS, start=2))
    lab.nft(ruleset.table(lab.caps, placements))
    lab.nft("".join(admission(placement.slug, lab.devices["laptop"], 60) for placement in placements))
    lab.nft("".join(ruleset.replace_resource(lab.caps, old, fileshare(id=old.id, slug=old.slug)) for old in placements[:1]))
    lab.nft("".join(ruleset.drop_resource(placement) for placement in placements[1:]))


def test_edits_in_place_end_where_a_whole_replacement_ends(lab):
    v4_only = fileshare(overlay_v6=None, target_v6=None, ports=(Port("tcp", 1, 65535),))
    lab.nft(ruleset.table(lab.caps, ()))
    lab.nft(ruleset.add_resource(lab.caps, fileshare()) + ruleset.add_resource(lab.caps, on_the_pep()))
    lab.nft(ruleset.add_resource(lab.caps, placed(9, "wiki")))
    lab.nft(ruleset.replace_resource(lab.caps, fileshare(), v4_only) + ruleset.drop_resource(placed(9, "wiki")))
    lab.nft(ruleset.refuse(silent=True))
    lab.nft(ruleset.refuse(silent=False))
    edited = listing(lab)
    lab.nft(ruleset.table(lab.caps, (on_the_pep(), v4_only)))
    assert listing(lab) == edited
    lab.nft(ruleset.table(lab.caps, (on_the_pep(), v4_only)))
    assert listing(lab) == edited


def test_an_edit_that_fails_changes_nothing(lab):
    lab.nft(ruleset.table(lab.caps, (fileshare(),)))
    before = listing(lab)
    with pytest.raises(RuntimeError, match="No such file"):
        lab.nft(ruleset.add_resource(lab.caps, on_the_pep()) + ruleset.drop_resource(placed(9, "wiki")))
    assert listing(lab) == before


def test_admissions_survive_a_replaced_resource_and_not_a_replaced_table(lab):
    lab.nft(ruleset.table(lab.caps, (fileshare(),)))
    lab.admit("fileshare", lab.devices["laptop"])
    lab.nft(ruleset.replace_resource(lab.caps, fileshare(), fileshare(ports=(Port("tcp", 22, 22),))))
    assert set(held(lab)) == {"10.89.0.2"}
    lab.nft(ruleset.table(lab.caps, (fileshare(),)))
    assert held(lab) == {}


@pytest.mark.parametrize("words", ["", " timeout 0s"])
@pytest.mark.parametrize("first", ["", " timeout 60s"])
def test_no_element_can_be_permanent(lab, first, words):
    """Neither one without a timeout, nor "0s", nor a timed one that is added again (FACTS R5)."""
    lab.nft(ruleset.table(lab.caps, (fileshare(),)))
    for timeout in (first, words):
        lab.nft(f"add element inet lychgate device-access-to-fileshare {{ 10.89.0.2{timeout} }}")
    (element,) = held(lab).values()
    assert 0 <= element["expires"] <= 60


def held(lab):
    listed = json.loads(lab.run("pep", ["nft", "-j", "list", "set", "inet", "lychgate", "device-access-to-fileshare"]))
    elements = listed["nftables"][1]["set"].get("elem", [])
    assert all(isinstance(element, dict) for element in elements), "an element without a timeout is printed as plain text"
    return {element["elem"]["val"]: element["elem"] for element in elements}


def test_the_log_names_each_flow_once_and_refusals_with_a_limit(lab):
    """One line for a flow, also where nothing answers its datagrams; a noisy device fills no log."""
    at_once = ruleset.table(lab.caps, (fileshare(),)).replace("log group 5", "log group 5 queue-threshold 1")
    lab.nft(at_once)
    lab.admit("fileshare", lab.devices["laptop"])
    capture = subprocess.Popen(
        lab.argv("pep", ["tcpdump", "-i", "nflog:5", "-U", "-w", "-"]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        capture.stderr.readline()
        time.sleep(0.2)
        lab.probe("laptop", *doors(RESOURCE[0]))
        lab.tool("laptop", "packets", "udp", "10.89.0.2", "4000", RESOURCE[0], "138", "50")
        lab.probe("phone", *doors(RESOURCE[1]))
        lab.probe("phone", *doors(*["192.168.89.10"] * 100, port=UNLISTED))
        time.sleep(0.3)
    finally:
        capture.terminate()
        seen = capture.communicate(timeout=5)[0].decode("latin-1")
    lines = re.findall(r"device-access-policies: ((?:accept|reject)(?: [a-z0-9-]+)?) \0", seen)
    counts = {words: lines.count(words) for words in set(lines)}
    assert counts["accept fileshare"] == 2
    assert counts["reject fileshare"] == 1
    assert 20 <= counts["reject"] <= 30
