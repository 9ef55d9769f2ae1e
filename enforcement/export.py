"""What a PEP holds, as the plain files that an administrator would write: for a look, for a handover, for the day without us.

Names are paths below /. No private key is among them: it never leaves the PEP. A
timeout counts from the moment that the files were made, so load them at once or make
them anew: nft has no other way to write a deadline.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from enforcement.pep import nft, ruleset
from enforcement.pep.caps import Caps
from enforcement.pep.state import Admission, Peer, Placement, State

RSYSLOG = ':msg,contains,"device-access-policies:" /var/log/device-access-policies.log\n'
INCLUDED = "/etc/nftables.conf.d"


def files(caps: Caps, state: State, now: datetime) -> Mapping[str, str]:
    """Return the content of each file by its path."""
    stamp = f"# Made by Lychgate for {caps.pep} at {now.isoformat(timespec='seconds')}.\n"
    return {
        f"etc/wireguard/{caps.interface}.conf": stamp + _wireguard(caps, state),
        "etc/nftables.conf": f"#!/usr/sbin/nft -f\n{stamp}{_nftables(caps, state)}",
        **{f"{INCLUDED[1:]}/device-access-to-{p.slug}.conf": stamp + _devices(p, state.admissions, now) for p in state.placements},
        "etc/sysctl.d/90-lychgate.conf": stamp + _lines(f"{name} = {value}" for name, value in ruleset.sysctls(caps).items()),
        "etc/lychgate/routing-guard.sh": f"#!/bin/sh\n{stamp}" + _lines(" ".join(argv) for argv in ruleset.routing_guard(caps)),
        "etc/rsyslog.d/20-nftables.conf": stamp + RSYSLOG,
        "dns/records.zone": stamp.replace("#", ";", 1) + _lines(line for p in state.placements for line in _names(p)),
    }


def _wireguard(caps: Caps, state: State) -> str:
    addresses = ", ".join(map(str, caps.own_addresses))
    head = f"[Interface]\n# PrivateKey = (it stays on the PEP)\nAddress = {addresses}\nListenPort = {caps.listen_port}\n"
    return head + "".join(f"\n[Peer]\nPublicKey = {peer.key}\nAllowedIPs = {_hosts(peer)}\n" for peer in state.peers)


def _hosts(peer: Peer) -> str:
    return ", ".join(f"{address}/{address.max_prefixlen}" for address in peer.addresses)


def _nftables(caps: Caps, state: State) -> str:
    """Both tables, sets empty; no `flush ruleset`, which would open the PEP and wipe what others own."""
    return f'{ruleset.guard(caps)}\n{ruleset.table(caps, state.placements)}\ninclude "{INCLUDED}/*.conf"\n'


def _devices(placement: Placement, admissions: Iterable[Admission], now: datetime) -> str:
    ours = [admission for admission in admissions if admission.resource == placement.slug]
    return nft.admit(ours, now.timestamp()) if ours else "# Nobody has access now.\n"


def _names(placement: Placement) -> Iterator[str]:
    for kind, address in (("A", placement.overlay_v4), ("AAAA", placement.overlay_v6)):
        if address:
            yield f"{placement.slug} IN {kind} {address}"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
