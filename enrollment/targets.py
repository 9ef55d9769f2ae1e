"""Which addresses and prefixes a PEP may be given: what each refusal says, one sentence.

Nothing here looks anything up. A target is one address of a host behind the PEP, written
in full; a prefix is a real network inside the overlay. Whatever could mean two things to
two programs (short forms, octal, mapped addresses, names) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from enrollment.sentences import say

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Where clouds answer with credentials; most others are link-local and refused as such.
METADATA = frozenset(map(ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")))
# Addresses that stand for others: a rule about them is a rule about something else.
STAND_INS = tuple(map(IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10")))
BROADCAST = IPv4Address("255.255.255.255")
NOT_SINGLE = re.compile(r"[\s,;/]")
SHORTEST, LONGEST = {4: 20, 6: 56}, {4: 29, 6: 120}
V4 = 4
PREFIX_LIKE = {4: "10.89.65.0/24", 6: "fd89:0:0:1::/64"}
ADDRESS_LIKE = {4: "192.168.89.10", 6: "fd12:3456:789a::10"}


class BadAddress(ValueError):  # noqa: N818 - it reads as what it is where it is caught
    """The text is not what is needed here; the message is a sentence for the person who typed it."""


def address(text: str, version: int) -> Address:
    """Return the one address that this text can only mean."""
    if NOT_SINGLE.search(text):
        raise BadAddress(say("Write one address: no network, no list, no port."))
    try:
        found = ip_address(text)
    except ValueError as error:
        raise BadAddress(_not_an_address(text, version)) from error
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        raise BadAddress(say("This is an IPv4 address in IPv6 clothes. Write it as IPv4."))
    if isinstance(found, IPv6Address) and found.scope_id:
        raise BadAddress(say("Write the address without a zone (%)."))
    if found.version != version:
        raise BadAddress(say("This is an IPv{version} address; here goes IPv{other}.", version=found.version, other=version))
    return found


def target(text: str, version: int, *, overlay: Iterable[Network]) -> Address:
    """Return the address of a host that a resource may lead to."""
    found = address(text, version)
    refusals = [
        (found.is_unspecified, say("This address means “any”, not a host.")),
        (found.is_loopback, say("A loopback address is a different machine on every machine.")),
        (found in METADATA, say("Cloud metadata services are never offered: they hand out credentials.")),
        (found.is_link_local, say("A link-local address means nothing beyond one cable.")),
        (found.is_multicast, say("A multicast address is not one host.")),
        (found == BROADCAST, say("A broadcast address is not one host.")),
        (
            any(found in network for network in STAND_INS if network.version == version),
            say("This address stands for another one. Write that."),
        ),
        (any(found in network for network in overlay if network.version == version), say("Overlay addresses cannot be targets.")),
        (found.version == V4 and found.is_reserved, say("This address is reserved: no host has it.")),
    ]
    for broken, sentence in refusals:
        if broken:
            raise BadAddress(sentence)
    return found


def prefix(text: str, version: int, *, overlay: Sequence[Network], pools: Iterable[Network], taken: Iterable[tuple[str, str]]) -> Network:
    """Return the network from which a PEP's resources get their overlay addresses. `taken` are (name, prefix) of other PEPs."""
    try:
        found = ip_network(text)
    except ValueError as error:
        raise BadAddress(_not_a_network(text, version)) from error
    if "/" not in text or found.version != version:
        raise BadAddress(
            say("Write an IPv{version} network with its length, such as {example}.", version=version, example=PREFIX_LIKE[version])
        )
    if not SHORTEST[version] <= found.prefixlen <= LONGEST[version]:
        raise BadAddress(say("Use a length from /{shortest} to /{longest}.", shortest=SHORTEST[version], longest=LONGEST[version]))
    if not any(_within(found, network) for network in overlay):
        networks = ", ".join(str(network) for network in overlay if network.version == version)
        raise BadAddress(say("It must lie within the overlay: {networks}.", networks=networks))
    for pool in pools:
        if _overlap(found, pool):
            raise BadAddress(say("It overlaps the addresses of devices ({pool}).", pool=pool))
    for name, other in taken:
        if _overlap(found, ip_network(other)):
            raise BadAddress(say("It overlaps the prefix of {name} ({other}).", name=name, other=other))
    return found


def own_address(pep_prefix: str) -> Address:
    """Return the PEP's own overlay address: the first one after its prefix's."""
    return ip_network(pep_prefix)[1]


def overlay_address(text: str, version: int, *, pep_prefix: str) -> Address:
    """Return the address at which devices reach a resource on this PEP."""
    found = address(text, version)
    network = ip_network(pep_prefix)
    if found not in network:
        raise BadAddress(say("It must lie within the PEP's prefix, {network}.", network=network))
    if found in {network[0], network[1]} or (version == V4 and found == network[-1]):
        raise BadAddress(say("This address is the PEP's own, or the network's. Leave it empty to get the next free one."))
    return found


def next_free(pep_prefix: str, taken: Iterable[str]) -> Address:
    """Return the lowest address of the prefix that nothing has yet."""
    network, used = ip_network(pep_prefix), {ip_address(each) for each in taken}
    last = network.num_addresses - (1 if network.version == V4 else 0)
    for index in range(2, min(last, len(used) + 3)):
        if network[index] not in used:
            return network[index]
    raise BadAddress(say("The PEP's prefix, {network}, has no free address left.", network=network))


def overlapping(ports: Iterable[tuple[str, int, int]], others: Iterable[tuple[str, int, int]]) -> str | None:
    """Return the first port that both have, in words, or None."""
    known = list(others)
    for protocol, first, last in ports:
        for other, begins, ends in known:
            if protocol == other and first <= ends and begins <= last:
                return f"{protocol} {max(first, begins)}"
    return None


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _not_an_address(text: str, version: int) -> str:
    if re.search(r"[g-zG-Z]", text):
        return say("Write an address: a PEP looks no names up, and a name can change its meaning.")
    return say("This is not an IPv{version} address. Write it in full, such as {example}.", version=version, example=ADDRESS_LIKE[version])


def _not_a_network(text: str, version: int) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return say(
            "This is not an IPv{version} network. Write it with its length, such as {example}.",
            version=version,
            example=PREFIX_LIKE[version],
        )
    return say("This is an address with a length. The network is {network}.", network=network)
