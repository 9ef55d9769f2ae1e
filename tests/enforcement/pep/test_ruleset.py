"""What the ruleset's text promises, whatever is placed: checked without a kernel."""

import re
from dataclasses import replace

import pytest

from enforcement.pep import ruleset
from enforcement.pep.caps import parse_caps
from enforcement.pep.guard import ACCEPTED, ACCEPTED_BITS, ALIVE, OURS
from enforcement.pep.state import Port
from tests.lab import agent_config, fileshare, on_the_pep

CAPS = parse_caps(agent_config("wg0"))
V4_ONLY = replace(CAPS, overlay=CAPS.overlay[:1], resource_prefixes=CAPS.resource_prefixes[:1])


def rules_of(chain, script):
    body = re.search(rf"chain {re.escape(chain)} \{{\n(.*?)\n  \}}", script, re.DOTALL)
    return [line.strip() for line in body[1].splitlines()] if body else []


def test_the_set_of_a_resource_is_named_by_its_slug_and_family():
    assert ruleset.set_name("fileshare", 4) == "device-access-to-fileshare"
    assert ruleset.set_name("fileshare", 6) == "device-access-to-fileshare.v6"


def test_a_device_is_let_in_by_set_and_real_target_and_port_together():
    script = ruleset.add_resource(CAPS, fileshare())
    assert rules_of("r7", script)[0] == (
        "ct original ip saddr @device-access-to-fileshare ct reply ip saddr 192.168.89.10 ct state new,established goto r7.ports"
    )
    assert rules_of("r7.ports", script) == [
        "meta l4proto tcp ct original proto-dst 139 ct reply proto-src 139 goto r7.admit",
        "meta l4proto tcp ct original proto-dst 445 ct reply proto-src 445 goto r7.admit",
        "meta l4proto udp ct original proto-dst 137-138 ct reply proto-src 137-138 goto r7.admit",
        "goto refuse",
    ]


def test_only_chains_that_were_asked_positively_lead_to_admission():
    """A rule whose expression cannot be evaluated is skipped, so nothing may be let in by what does not match."""
    script = ruleset.table(CAPS, (fileshare(), on_the_pep()))
    admitting = [line for line in script.splitlines() if re.search(r"goto (r\d+\.\w+|errors)$", line) and ".admit" not in line]
    assert admitting
    assert [line for line in admitting if not re.search(r"ct original ip6? saddr @\S+ ct reply ip6? saddr \S+ ct state", line)] == []
    assert [line for line in script.splitlines() if "!= @" in line] == []


def test_every_way_to_admission_is_known():
    """Whoever adds one says why here."""
    script = ruleset.table(CAPS, (fileshare(),))
    chains = re.findall(r"chain (\S+) \{\n(.*?)\n  \}", script, re.DOTALL)
    assert {name for name, body in chains if "goto admit" in body} == {"r7.admit", "errors", "output"}
    assert {name for name, body in chains if re.search(r"\baccept$", body, re.MULTILINE)} == {"admit"}


@pytest.mark.parametrize(
    ("ports", "rules"),
    [
        ([("tcp", 80, 90), ("tcp", 85, 100)], ["tcp 80-100"]),
        ([("tcp", 80, 80), ("tcp", 81, 81)], ["tcp 80-81"]),
        ([("tcp", 80, 80), ("udp", 81, 81)], ["tcp 80", "udp 81"]),
        ([("udp", 1, 65535), ("udp", 53, 53)], ["udp 1-65535"]),
        ([("tcp", 443, 443), ("tcp", 22, 22)], ["tcp 22", "tcp 443"]),
    ],
)
def test_port_ranges_are_asked_about_once(ports, rules):
    script = ruleset.add_resource(CAPS, fileshare(ports=tuple(Port(*port) for port in ports)))
    asked = [re.sub(r"meta l4proto (\S+) ct original proto-dst (\S+) .*", r"\1 \2", rule) for rule in rules_of("r7.ports", script)]
    assert asked == [*rules, "goto refuse"]


@pytest.mark.parametrize(("family", "name"), [("v4", ".v6"), ("v6", "fileshare {")])
def test_a_family_that_is_not_placed_has_no_set_no_chain_and_no_entry(family, name):
    other = {"v4": "v6", "v6": "v4"}[family]
    script = ruleset.add_resource(CAPS, fileshare(**{f"overlay_{other}": None, f"target_{other}": None}))
    assert name not in script
    assert len(re.findall(r"^add element", script, re.MULTILINE)) == 2


def test_replacing_a_resource_by_itself_touches_neither_map_entries_nor_sets():
    script = ruleset.replace_resource(CAPS, fileshare(), fileshare())
    assert "element" not in script
    assert "delete" not in script


def test_device_sets_default_to_one_second():
    assert (
        len(re.findall(r"set device-access-to-\S+ \{ type \S+; flags timeout; timeout 1s; \}", ruleset.add_resource(CAPS, fileshare())))
        == 2
    )


@pytest.mark.parametrize(("group", "log"), [(None, 'log prefix "'), (5, 'log group 5 prefix "')])
def test_the_log_goes_to_the_kernel_or_to_a_group(group, log):
    script = ruleset.table(replace(CAPS, log_group=group), (fileshare(),))
    for words in ("accept fileshare", "reject fileshare", "reject"):
        assert f'{log}device-access-policies: {words} "' in script


@pytest.mark.parametrize(("masquerade", "lan", "count"), [(True, ("eth0", "eth1"), 1), (True, (), 0), (False, ("eth0",), 0)])
def test_masquerade_is_towards_named_lan_interfaces_only(masquerade, lan, count):
    script = ruleset.table(replace(CAPS, masquerade=masquerade, lan_interfaces=lan), ())
    assert script.count("masquerade") == count
    assert script.count('oifname { "eth0", "eth1" }') == count


def test_our_marks_are_ours_and_do_not_touch_each_other():
    assert ACCEPTED & ALIVE == 0
    assert ACCEPTED_BITS | ALIVE == OURS
    assert ACCEPTED & ACCEPTED_BITS == ACCEPTED


def test_a_guard_without_ipv6_drops_no_ipv6_by_prefix_but_all_of_it_by_interface():
    script = ruleset.guard(V4_ONLY)
    assert "ip6" not in script
    assert rules_of("forward", script)[2:4] == ['iifname "wg0" drop', 'oifname "wg0" drop']


def test_the_routing_guard_covers_both_families_even_where_only_one_is_used():
    rules = [" ".join(argv) for argv in ruleset.routing_guard(V4_ONLY)]
    assert "ip -6 rule add pref 101 iif wg0 blackhole" in rules
    assert not [rule for rule in rules if "fd89" in rule]


def test_the_fingerprint_knows_the_caps_and_not_what_is_placed():
    prints = {ruleset.fingerprint(caps) for caps in (CAPS, V4_ONLY, replace(CAPS, interface="wg1"), replace(CAPS, log_group=None))}
    assert len(prints) == 4
    assert f'comment "{ruleset.fingerprint(CAPS)}"' in ruleset.table(CAPS, (fileshare(),))


def test_refusals_fall_silent_and_speak_again():
    assert "reject" not in ruleset.refuse(silent=True)
    assert ruleset.refuse(silent=False).count("reject with") == 2
    assert rules_of("refuse", ruleset.table(CAPS, (), silent=True)) == ["drop"]
