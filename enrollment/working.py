"""Is a device's tunnel working, and if not, what to do: facts that the portal has anyway, in words for its owner.

Pure. A gateway answers only devices that have access there, and a tunnel that is switched
on shakes hands every two minutes or so: that, and nothing else, is what can be seen from
here. So what is known is said first, and what it may be comes as questions, likeliest first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from enrollment.sentences import recalled, say

FRESH = timedelta(minutes=5)  # more than two of WireGuard's handshakes
PATIENCE = timedelta(minutes=1)  # until a tunnel that is on was heard, and the portal has heard of it
WHOLE_SECOND = timedelta(seconds=1)  # a gateway tells handshakes by the second
SKEW_SECONDS = 5.0

SWITCHED_ON = say("Is the tunnel switched on in the WireGuard app?")
CLOCK = say("Was the device's clock ahead once, and put back? WireGuard takes its calls for old ones until then. A new key helps at once.")
STANDS = {
    "retired": say("No: it is retired, and no gateway lets it in again. Enrol the machine as a new device."),
    "lost": say("No: it was reported lost, so every gateway keeps it out until it has a new key."),
    "suspended": say("No: it is suspended, so every gateway keeps it out until it is resumed."),
    "pending": say("Not yet: an admin must let it in first."),
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """What is known of the device on one gateway where something that was granted lies."""

    name: str
    endpoint: str
    open_since: datetime | None = None  # something is in force there; None: nothing yet
    heard_at: datetime | None = None
    unreached_since: datetime | None = None  # by the portal
    error: str = ""
    skew_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """All that can be seen of one device."""

    condition: str
    key_since: datetime
    has_grant: bool = False  # one that runs now
    is_held: bool = False  # whatever runs is held back for this device
    starts_at: datetime | None = None  # of the next one
    gateways: tuple[Gateway, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence with its tone, an instant that belongs to it, and what to try."""

    kind: str
    tone: str
    words: str
    advice: tuple[str, ...] = ()
    said: str = ""  # of the instant
    at: datetime | None = None


def findings(sight: Sight, now: datetime) -> tuple[Finding, ...]:
    """Say how it stands: once for all where no gateway comes into it, else gateway by gateway."""
    if sight.condition in STANDS:
        return (Finding(sight.condition, "bad" if sight.condition != "pending" else "waiting", STANDS[sight.condition]),)
    if sight.is_held:
        return (Finding("held", "bad", say("No: what was granted to it is held back, for the reasons above.")),)
    if not sight.has_grant and sight.starts_at:
        words = say("Not yet: a gateway answers only devices that have access, and what was granted has not begun.")
        return (Finding("scheduled", "waiting", words, said=say("Begins"), at=sight.starts_at),)
    if not sight.has_grant:
        words = say(
            "Not yet: nothing is granted to it, and a gateway answers only devices that have access. The tunnel stays silent until then."
        )
        return (Finding("no grant", "waiting", words, (say("Ask for a resource first."),)),)
    if not sight.gateways:
        return (Finding("nowhere", "bad", say("No: what was granted is on no gateway that is switched on. Tell an admin.")),)
    found = [_on(each, sight.key_since, now) for each in sight.gateways]
    return (*found, *(_skewed(each) for each in sight.gateways if abs(each.skew_seconds or 0) > SKEW_SECONDS))


def _on(gateway: Gateway, key_since: datetime, now: datetime) -> Finding:
    if gateway.open_since is None:
        return _not_applied(gateway)
    if gateway.unreached_since:
        words = say(
            "{name}: nobody knows. The portal cannot reach this gateway. The tunnel there may work all the same.", name=gateway.name
        )
        return Finding("out of reach", "busy", words, said=say("Not reached since"), at=gateway.unreached_since)
    heard = gateway.heard_at
    if heard is None:
        return _never_heard(gateway, key_since, now)
    if heard + WHOLE_SECOND < key_since:
        words = say("{name}: not since it was given a new key. The app may still use the old config.", name=gateway.name)
        advice = (say("Import the new config, and delete the old tunnel in the app."), SWITCHED_ON, _other_network(gateway))
        return Finding("new key", "bad", words, advice, say("New key since"), key_since)
    if now - heard <= FRESH:
        return Finding("works", "good", say("{name}: yes, it hears the device.", name=gateway.name), said=say("Last heard"), at=heard)
    words = say(
        "{name}: it worked, and has not been heard for more than {minutes} minutes.",
        name=gateway.name,
        minutes=FRESH // timedelta(minutes=1),
    )
    return Finding("silent", "bad", words, (SWITCHED_ON, _other_network(gateway), CLOCK), say("Last heard"), heard)


def _not_applied(gateway: Gateway) -> Finding:
    if gateway.unreached_since:
        words = say(
            "{name}: granted, and not applied yet: the portal cannot reach this gateway. On the device, nothing need be done.",
            name=gateway.name,
        )
        return Finding("waits for it", "busy", words, said=say("Not reached since"), at=gateway.unreached_since)
    if gateway.error:
        words = say(
            "{name}: granted, and not applied yet: {error} On the device, nothing need be done.",
            name=gateway.name,
            error=recalled(gateway.error),
        )
        return Finding("failing", "bad", words)
    return Finding("applying", "busy", say("{name}: granted, and being applied now. This takes seconds.", name=gateway.name))


def _never_heard(gateway: Gateway, key_since: datetime, now: datetime) -> Finding:
    since = max(gateway.open_since or key_since, key_since)
    if now - since < PATIENCE:
        return Finding(
            "just open",
            "busy",
            say("{name}: open, and not heard yet. Switch the tunnel on.", name=gateway.name),
            said=say("Open since"),
            at=since,
        )
    words = say("{name}: open, and never heard.", name=gateway.name)
    older = say("Is it the newest config? One for an older key is not accepted.")
    return Finding("never heard", "bad", words, (SWITCHED_ON, _other_network(gateway), older), say("Open since"), since)


def _other_network(gateway: Gateway) -> str:
    return say(
        "Does the network let UDP through to {endpoint}? Many guest networks do not: try another one, such as a phone's hotspot.",
        endpoint=gateway.endpoint,
    )


def _skewed(gateway: Gateway) -> Finding:
    words = say(
        "{name}: its clock is {seconds:.0f} s off, so access there may end early. Tell an admin.",
        name=gateway.name,
        seconds=abs(gateway.skew_seconds or 0),
    )
    return Finding("skewed", "waiting", words)
