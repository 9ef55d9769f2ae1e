"""What keeps a PEP closed when the agent's own ruleset is gone: a static table and routing rules.

Both are loaded at boot, before WireGuard exists, and never edited by the agent. The
guard table refuses what comes from WireGuard, or belongs to the overlay, without the
mark that only the agent's table sets. The routing guard outlives even `nft flush
ruleset`: it routes nothing that no table has marked as seen (FACTS R13, R24, R29).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network

from enforcement.pep.caps import Caps, Network

GUARD = "lychgate-guard"

# The eight highest bits of the packet mark are ours; all others belong to somebody else
# and survive. Seven of them say "accepted", by a pattern that a single stray bit cannot
# forge; the eighth says "our table is alive", and is all that routing looks at.
OURS = 0xFF000000
ALIVE = 0x80000000
ACCEPTED_BITS = 0x7F000000
ACCEPTED = 0x5A000000
MARK_ALIVE = f"meta mark set meta mark or {ALIVE:#010x}"
MARK_ACCEPTED = f"meta mark set meta mark and {0xFFFFFFFF ^ ACCEPTED_BITS:#010x} or {ACCEPTED:#010x}"
_FORGET = f"meta mark set meta mark and {0xFFFFFFFF ^ OURS:#010x}"
_IS_ACCEPTED = f"meta mark and {ACCEPTED_BITS:#010x} == {ACCEPTED:#010x}"


def guard(caps: Caps) -> str:
    """Return the script of the guard table. Loading it again replaces it in one transaction."""
    wg = f'"{caps.interface}"'
    elsewhere = f'iifname != {{ {wg}, "lo" }}'
    return f"""# Static. Loaded at boot, before the WireGuard interface exists; the agent never changes it.
table inet {GUARD}
delete table inet {GUARD}
table inet {GUARD} {{
  # Nobody brings our mark along. Overlay sources live behind WireGuard (or on this host);
  # addresses of resources are reached from there only.
  chain clear {{
    type filter hook prerouting priority -300; policy accept;
    {_FORGET}
{lines(f"{elsewhere} {ip(p)} saddr {p} drop" for p in caps.overlay)}
{lines(f"{elsewhere} {ip(p)} daddr {p} drop" for p in caps.resource_prefixes)}
  }}

  chain clear-local {{
    type filter hook output priority -300; policy accept;
    {_FORGET}
  }}

  # Whatever the interface is called (renamed, a second one), the overlay passes with our mark only.
  chain forward {{
    type filter hook forward priority 10; policy accept;
    {_IS_ACCEPTED} accept
    iifname {wg} drop
    oifname {wg} drop
{lines(f"{ip(p)} {end} {p} drop" for p in caps.overlay for end in ("saddr", "daddr"))}
  }}

  chain input {{
    type filter hook input priority 10; policy accept;
    {_IS_ACCEPTED} accept
    iifname {wg} drop
    iifname "lo" accept
{lines(f"{ip(p)} saddr {p} drop" for p in caps.overlay)}
  }}

  chain output {{
    type filter hook output priority 10; policy accept;
    {_IS_ACCEPTED} accept
    oifname {wg} drop
    oifname "lo" accept
{lines(f"{ip(p)} daddr {p} drop" for p in caps.overlay)}
  }}
}}
"""


def routing_guard(caps: Caps) -> tuple[tuple[str, ...], ...]:
    """Return the argvs that add the routing rules; one that is there already answers "File exists".

    What comes from WireGuard, or goes to the overlay, is routed only while our table marks
    it. A packet without the mark vanishes in silence: an error to its sender could kill a
    live flow at the moment a table is replaced. What this host itself sends is left alone,
    the guard table judges that.
    """
    alive = f"{ALIVE:#010x}/{ALIVE:#010x}"
    rules: list[tuple[str, ...]] = []
    for version in (4, 6):
        add = ("ip", f"-{version}", "rule", "add", "pref")
        rules += [
            (*add, "100", "iif", caps.interface, "fwmark", alive, "lookup", "main"),
            (*add, "101", "iif", caps.interface, "blackhole"),
        ]
        for prefix in (str(p) for p in caps.overlay if p.version == version):
            rules += [
                (*add, "102", "iif", "lo", "to", prefix, "lookup", "main"),
                (*add, "103", "to", prefix, "fwmark", alive, "lookup", "main"),
                (*add, "104", "to", prefix, "blackhole"),
            ]
    return tuple(rules)


def sysctls(caps: Caps) -> dict[str, int]:
    """Return the kernel settings the guards count on; the caller keeps them over a boot.

    Reverse path filters, which distributions switch on, look routes up without the packet's
    mark unless `src_valid_mark` is set: the routing guard would then drop every forwarded packet.
    """
    return {
        "net.ipv4.ip_forward": 1,
        "net.ipv6.conf.all.forwarding": 1,
        "net.ipv4.conf.all.src_valid_mark": 1,
        f"net.ipv4.conf.{caps.interface.replace('.', '/')}.rp_filter": 1,
        "net.ipv4.conf.all.accept_source_route": 0,
        "net.ipv6.conf.all.accept_source_route": 0,
        "net.ipv4.conf.all.accept_redirects": 0,
        "net.ipv6.conf.all.accept_redirects": 0,
        "net.ipv4.conf.all.send_redirects": 0,
        f"net.ipv4.conf.{caps.interface.replace('.', '/')}.send_redirects": 0,
    }


def ip(prefix: Network) -> str:
    """Name the family as nft writes it."""
    return "ip" if isinstance(prefix, IPv4Network) else "ip6"


def lines(rules: Iterable[str]) -> str:
    """Set the rules of one chain below each other; no rule leaves a comment, so that the gap is seen."""
    return "\n".join(f"    {rule}" for rule in rules) or "    # none"
