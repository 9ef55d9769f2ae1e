"""Lock-down, as an nft script: from outside only WireGuard answers, and what this PEP's owner keeps open.

"Outside" is every interface but the loopback and WireGuard's, whose traffic the other
tables judge. The table is tied to a set of address families: while a family is in it,
that family is closed. On trial its elements have a timeout, so that the kernel opens
again by itself, whatever is dead by then; confirmed, they have none. Established flows
are let through only where this host began them: whoever came in by a door that is closed
now is out.
"""

from __future__ import annotations

from enforcement.pep.caps import Caps
from enforcement.pep.guard import ip, lines
from enforcement.pep.state import Port

LOCK = "lychgate-lock"
SET = "locked"
TRIAL_SECONDS = 60
CLOSED = ("ipv4", "ipv6")


def lockdown(caps: Caps, seconds: int | None = None) -> str:
    """Return the table's script: for so many seconds, or for good. Loading it again replaces it in one transaction."""
    timeout = f" timeout {seconds}s" if seconds else ""
    kept = [f"{ip(target.prefix)} saddr {target.prefix} {_door(port)} accept" for target in caps.kept_open for port in target.ports]
    return f"""table inet {LOCK}
delete table inet {LOCK}
table inet {LOCK} {{
  set {SET} {{ typeof meta nfproto; flags timeout; elements = {{ {", ".join(f"{family}{timeout}" for family in CLOSED)} }} }}

  chain input {{
    type filter hook input priority -10; policy accept;
    meta nfproto @{SET} goto outside
  }}

  # Neighbours, routers and errors are answered as the protocols need it, and nothing that a sender could ask for.
  chain outside {{
    iifname {{ "{caps.interface}", "lo" }} accept
    udp dport {caps.listen_port} accept
    ct direction reply ct state established accept
    ct state related meta l4proto {{ icmp, ipv6-icmp }} accept
    icmpv6 type {{ nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert }} ip6 hoplimit 255 accept
    icmpv6 type mld-listener-query ip6 saddr fe80::/10 accept
    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
{lines(kept)}
    drop
  }}
}}
"""


def may_lock(caps: Caps) -> str:
    """Say why this PEP is not locked down; an empty text means that it may be tried."""
    if any(port.protocol == "tcp" for target in caps.kept_open for port in target.ports):
        return ""
    return (
        "this PEP's own file keeps nothing open for the workers (kept_open), so lock-down would keep them out as well:"
        " run its bootstrap script, made with --from, again"
    )


def _door(port: Port) -> str:
    return f"{port.protocol} dport {port.first}" if port.first == port.last else f"{port.protocol} dport {port.first}-{port.last}"
