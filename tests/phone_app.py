"""A reader of configs as strict as the apps of phones: a key that it does not know, or meets twice, refuses the whole file.

Written from the rules that their users meet, not from their code.
"""

import base64
import ipaddress
import re

KNOWN = {
    "Interface": {"PrivateKey", "ListenPort", "Address", "DNS", "MTU"},
    "Peer": {"PublicKey", "PresharedKey", "AllowedIPs", "Endpoint", "PersistentKeepalive"},
}
NEEDED = {"Interface": {"PrivateKey", "Address"}, "Peer": {"PublicKey", "AllowedIPs"}}
TUNNEL = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}\.conf")
ENDPOINT = re.compile(r"([A-Za-z0-9.-]+|\[[0-9a-f:]+\]):([0-9]{1,5})")


class RefusedError(ValueError):
    """The app would not take the file."""


def read(name, text):
    """Return the sections as (title, values). Raises RefusedError."""
    if not TUNNEL.fullmatch(name) or not text.isascii():
        raise RefusedError(name)
    sections = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if title := re.fullmatch(r"\[(\w+)\]", line):
            sections.append((title[1], {}))
        else:
            _take(line, sections)
    _check(sections)
    return sections


def _take(line, sections):
    name, equals, value = (part.strip() for part in line.partition("="))
    if not sections or not equals or not value or "#" in value:
        raise RefusedError(line)
    title, values = sections[-1]
    if name not in KNOWN.get(title, ()) or name in values:
        raise RefusedError(line)
    values[name] = _value(name, value)


def _value(name, value):
    try:
        if name.endswith("Key"):
            if len(base64.b64decode(value, validate=True)) != 32:
                raise RefusedError(name)
        elif name == "Address":
            return [ipaddress.ip_interface(each.strip()) for each in value.split(",")]
        elif name == "AllowedIPs":
            return [ipaddress.ip_network(each.strip()) for each in value.split(",")]
        elif name == "Endpoint":
            if not (found := ENDPOINT.fullmatch(value)) or int(found[2]) > 65535:
                raise RefusedError(value)
        elif name != "DNS":
            return int(value)
    except ValueError as error:
        raise RefusedError(f"{name} = {value}") from error
    return value


def _check(sections):
    titles = [title for title, _values in sections]
    peers = [values.get("PublicKey") for title, values in sections if title == "Peer"]
    if titles.count("Interface") != 1 or len(set(peers)) != len(peers):
        raise RefusedError(str(titles))
    for title, values in sections:
        if NEEDED[title] - set(values):
            raise RefusedError(title)
