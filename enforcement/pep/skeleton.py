"""The fixed parts of table inet lychgate: what a PEP's table holds whatever is placed there.

Shared sets and maps, the verdicts every resource ends in, and the hooks that hand
packets over. Printed from the caps alone; a change here needs another VERSION.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from enforcement.pep.caps import Caps
from enforcement.pep.guard import MARK_ACCEPTED, MARK_ALIVE, ip, lines

VERSION = 1
TABLE = "lychgate"
FLOWS = 4096  # open flows of one device

_LIMIT = "limit rate 5/second burst 20 packets"  # refusals in the log, of one source, so that a noisy device hides nobody
_ERRORS = "icmp type { destination-unreachable, time-exceeded, parameter-problem }"
_ERRORS_V6 = "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }"


class Family(NamedTuple):
    """How one address family is written: its keyword, set type, nfproto and the suffix of its names."""

    ip: str
    type: str
    nfproto: str
    suffix: str


FAMILIES = {4: Family("ip", "ipv4_addr", "ipv4", ""), 6: Family("ip6", "ipv6_addr", "ipv6", ".v6")}


def skeleton(caps: Caps, *, silent: bool) -> str:
    """Return the table without a single resource: it admits nobody."""
    return f"""table inet {TABLE} {{
  comment "{fingerprint(caps)}"
{_shared_sets()}

{_verdicts(silent=silent)}

  # Where devices' packets are decided: by the first destination and the first source of their flow.
  chain device-access-policies {{
    ct original ip daddr vmap @resources
    ct original ip6 daddr vmap @resources.v6
    {log_refusal(caps, FAMILIES[4], "reject")}
    {log_refusal(caps, FAMILIES[6], "reject")}
    goto refuse
  }}

{_hooks(caps)}
}}
"""


def fingerprint(caps: Caps) -> str:
    """Say what the table's fixed parts were made from; the table carries it as its comment."""
    made_from = (VERSION, caps.interface, caps.lan_interfaces, caps.masquerade, caps.log_group, *map(str, caps.overlay))
    return f"ruleset {VERSION} {hashlib.sha256(repr(made_from).encode()).hexdigest()[:16]}"


def refusals(*, silent: bool) -> tuple[str, ...]:
    return ("drop",) if silent else ("meta l4proto tcp reject with tcp reset", "reject with icmpx type admin-prohibited")


def _shared_sets() -> str:
    return "\n".join(
        f"""  set refused-from{f.suffix} {{ type {f.type}; size 65535; flags dynamic,timeout; timeout 1m; }}
  set flows-of{f.suffix} {{ type {f.type}; size 65535; flags dynamic; }}
  map targets{f.suffix} {{ type {f.type} : {f.type}; }}
  map resources{f.suffix} {{ type {f.type} : verdict; }}"""
        for f in FAMILIES.values()
    )


def _verdicts(*, silent: bool) -> str:
    over = f"ct count over {FLOWS}"
    return f"""  chain refuse {{
{lines(refusals(silent=silent))}
  }}

  chain admit {{
    {MARK_ACCEPTED}
    accept
  }}

  # One device opens so many flows at most.
  chain bounded {{
{lines(f"meta nfproto {f.nfproto} add @flows-of{f.suffix} {{ {f.ip} saddr {over} }} goto refuse" for f in FAMILIES.values())}
  }}

  # ICMP errors about an admitted flow; never redirects, never what a helper expects.
  chain errors {{
    {_ERRORS} goto admit
    {_ERRORS_V6} goto admit
    goto refuse
  }}"""


def _hooks(caps: Caps) -> str:
    wg = f'"{caps.interface}"'
    return f"""  # The routing guard lets nothing pass that this chain has not seen.
  chain alive {{
    type filter hook prerouting priority -90; policy accept;
    iifname {wg} {MARK_ALIVE}
{lines(f"{ip(p)} daddr {p} {MARK_ALIVE}" for p in caps.overlay)}
  }}

  chain prerouting {{
    type nat hook prerouting priority -100; policy accept;
    iifname {wg} dnat ip to ip daddr map @targets
    iifname {wg} dnat ip6 to ip6 daddr map @targets.v6
  }}
{_masquerade(caps)}
  # Policy accept on purpose: a chain that drops by policy drops between the preparation
  # and the commit of a replacement. The guard table closes.
  chain forward {{
    type filter hook forward priority 0; policy accept;
    iifname {wg} ct direction original goto device-access-policies
    oifname {wg} ct direction reply goto device-access-policies
    iifname {wg} goto refuse
    oifname {wg} goto refuse
  }}

  chain input {{
    type filter hook input priority 0; policy accept;
    iifname {wg} ct direction original goto device-access-policies
    iifname {wg} goto refuse
  }}

  # This host's own resets and ICMP errors pass, or its refusals would reach nobody.
  chain output {{
    type filter hook output priority 0; policy accept;
    oifname {wg} tcp flags & rst == rst goto admit
    oifname {wg} {_ERRORS} goto admit
    oifname {wg} {_ERRORS_V6} goto admit
    oifname {wg} ct direction reply goto device-access-policies
    oifname {wg} goto refuse
  }}"""


def _masquerade(caps: Caps) -> str:
    if not caps.masquerade or not caps.lan_interfaces:
        return ""
    lan = ", ".join(f'"{name}"' for name in caps.lan_interfaces)
    return f"""
  # The LAN does not know the way back to the devices.
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    iifname "{caps.interface}" oifname {{ {lan} }} ct status dnat masquerade
  }}
"""


def log(caps: Caps, words: str) -> str:
    group = "" if caps.log_group is None else f"group {caps.log_group} "
    return f'log {group}prefix "device-access-policies: {words} "'


def log_refusal(caps: Caps, family: Family, words: str) -> str:
    meter = f"update @refused-from{family.suffix} {{ {family.ip} saddr {_LIMIT} }}"
    return f"ct state new meta nfproto {family.nfproto} {meter} {log(caps, words)}"
