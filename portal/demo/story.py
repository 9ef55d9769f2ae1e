"""The whole story, played alone: sign in, enrol, ask, approve, connect, and be cut, with real packets.

Each step is checked where it counts: in the gateway's kernel and by what streams on the
laptop and the phone last heard. One JSON line a step; the first that does not hold ends it.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Error as BrowserError

from portal.demo.home import PEP
from portal.demo.lab import Bench
from portal.demo.netns import LabError
from portal.demo.people import Person, Theatre
from portal.demo.processes import PartFailedError
from portal.demo.stage import Stage, ready
from portal.demo.traffic import OPENING, TICKER, VOICE, WIKI

Tell = Callable[[dict[str, Any]], None]
SHORT = 25  # seconds that the cut grants last
GRACE = 1.0  # seconds after the deadline by which the last byte has come
SMALL_GAP = 0.1  # seconds without a byte that an untouched stream may have
PLACES = {"fileshare": ("10.89.65.2", "fd89:0:0:1::2"), "voice": ("10.89.65.3", "fd89:0:0:1::3"), "wiki": ("10.89.65.4", "fd89:0:0:1::4")}


class BrokenError(AssertionError):
    """A step did not hold; the message says what was seen instead."""


@dataclass(slots=True)
class Story:
    """Who is in it, and what has been seen."""

    stage: Stage
    bench: Bench
    tell: Tell
    seen: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time a step and tell it, with whatever was noted in `seen`."""
        self.seen = {}
        begun = time.monotonic()
        try:
            yield
        except (BrokenError, BrowserError, LabError, PartFailedError, subprocess.SubprocessError) as error:
            self.tell({"step": what, "ok": False, "ms": since(begun), "why": str(error), **self.seen})
            raise BrokenError(str(error)) from error
        self.tell({"step": what, "ok": True, "ms": since(begun), **self.seen})

    def watch(self, host: str, kind: str, slug: str, port: int, *, version: int, seconds: float = 240, opening: float = OPENING) -> Stream:
        address = PLACES[slug][version == 6]  # noqa: PLR2004
        return Stream(f"{kind} over IPv{version}", self.bench.watch(host, kind, address, port, seconds, opening=opening))


@dataclass(slots=True)
class Stream:
    """One stream that somebody on the lab's hosts reads."""

    name: str
    process: subprocess.Popen[str]

    def opened(self) -> bool:
        """Whether bytes have come; waits until that is known."""
        return bool(self.line()["event"] == "open")

    def line(self) -> dict[str, Any]:
        text = self.process.stdout.readline() if self.process.stdout else ""
        return dict(json.loads(text)) if text else {"event": "nothing"}

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> dict[str, Any]:
        """End it and return its story."""
        self.process.terminate()
        return self.line()


def play(stage: Stage, tell: Tell) -> bool:
    """Play it. False where a step did not hold: the last line told says which and why."""
    if stage.bench is None:
        return False
    story = Story(stage, stage.bench, tell)
    with Theatre(stage.home.url) as theatre:
        try:
            perform(story, theatre)
        except BrokenError:
            theatre.photograph(stage.home.folder / "log")
            return False
    return True


def perform(story: Story, theatre: Theatre) -> None:
    with story.step("alice signs in"):
        alice = theatre.person("alice")
    with story.step("alice enrols her laptop with a key made in her browser"):
        story.bench.connect("laptop", alice.enrol("laptop"))
        story.seen["screens_since_she_came"] = len(alice.screens)
    with story.step("before any grant the laptop reaches nothing"):
        insist(
            not story.watch("laptop", "tcp", "fileshare", TICKER, version=4, opening=2).opened(), "the laptop got through without a grant"
        )
    with story.step("erin enrols her phone, bob signs in"):
        erin, bob = theatre.person("erin"), theatre.person("bob")
        story.bench.connect("phone", erin.enrol("phone"))
    control = have_wiki(story, alice, erin, bob)
    with story.step("carol signs in"):
        carol = theatre.person("carol")
    tell_the_auditor(story, carol)
    until_deadline(story, alice, bob, control, everything_dead=False)
    until_deadline(story, alice, bob, control, everything_dead=True)
    revoke(story, alice, bob, carol)
    overlap(story, alice, bob)


def have_wiki(story: Story, alice: Person, erin: Person, bob: Person) -> list[Stream]:
    """Give both a long grant, and keep a stream of each alive for the whole story: what must not be cut."""
    streams = []
    for person, device, version in ((alice, "laptop", 6), (erin, "phone", 4)):
        with story.step(f"{person.name} asks for the wiki, bob approves, and her page says in force"):
            person.find("wiki")
            asked = person.ask("wiki", device)
            story.seen["screens_since_she_came"] = len(person.screens)
            bob.approve([asked], "")
            person.wait_until(asked, "In force")
        with story.step(f"{person.name}'s {device} reaches the wiki through the tunnel"):
            streams.append(story.watch(device, "tcp", "wiki", WIKI, version=version, seconds=900))
            insist(streams[-1].opened(), "a granted device did not get through")
    return streams


def tell_the_auditor(story: Story, carol: Person) -> None:
    """Ask who can reach the wiki now: both, as authorised and as the gateway's kernel holds it."""
    with story.step("carol asks who can reach the wiki, and is told both, as authorised and as in force"):
        told = carol.who_reaches("Wiki")
        story.seen["told"] = told
        everybody = ("Alice Adler, laptop", "Erin Evans, phone")
        insist([line.split("\n")[0] for line in told] == list(everybody), "the report does not name these two alone")
        for line in told:
            insist("Authorised until" in line and f"In force on {PEP} since" in line, "it is not told as authorised and as in force")


def until_deadline(story: Story, alice: Person, bob: Person, control: Sequence[Stream], *, everything_dead: bool) -> None:
    """Four open streams end at the deadline; with everything of ours dead the kernel does it alone."""
    suffix = " again, with everything of ours dead" if everything_dead else ""
    with story.step(f"alice asks for the file share and the voice line, bob gives {SHORT} s{suffix}"):
        asked = [alice.ask("fileshare", "laptop"), alice.ask("voice", "laptop")]
        bob.approve(asked, f"{SHORT} s")
        for request in asked:
            alice.wait_until(request, "In force")
        deadlines = [alice.deadline(request).timestamp() for request in asked]
    with story.step(f"TCP and server-push UDP flow over IPv4 and IPv6{suffix}"):
        kinds = [("tcp", "fileshare", TICKER), ("udp", "voice", VOICE)]
        streams = [story.watch("laptop", *kind, version=version) for kind in kinds for version in (4, 6)]
        insist(all(stream.opened() for stream in streams), "a granted stream did not open")
    if everything_dead:
        with story.step("portal, worker, beat, broker and agent are killed with -9"):
            story.seen["killed"] = story.stage.kill_everything_of_ours()
            story.seen["before_the_deadline_s"] = round(min(deadlines) - time.time(), 1)
            insist(min(deadlines) > time.time() + 1, "the deadline came before the kill: nothing is proven")
    with story.step(f"each stream ends within {GRACE:.0f} s of the deadline, the control streams live on{suffix}"):
        ends = [stream.line() for stream in streams]
        late = {
            stream.name: round(end.get("last", 0) - deadlines[n // 2], 3) for n, (stream, end) in enumerate(zip(streams, ends, strict=True))
        }
        story.seen |= {"last_byte_after_deadline_s": late, "how": [end.get("how") for end in ends]}
        insist(all(-GRACE * 2 < seconds <= GRACE for seconds in late.values()), "a stream did not end at the deadline")
        insist(all(stream.is_alive() for stream in control), "a stream with a longer grant was cut")
    if everything_dead:
        with story.step("everything is started again, and the page says it ended"):
            ready([story.stage.start_broker()])
            ready([story.stage.start_portal(), story.stage.start_workers()])
            alice.wait_until(asked[0], "Ended")


def revoke(story: Story, alice: Person, bob: Person, carol: Person) -> None:
    """Cut an open stream by a revoke; somebody else's has no gap but what this machine makes on its own loopback, too."""
    with story.step("alice gets the file share for an hour"):
        request = alice.ask("fileshare", "laptop")
        bob.approve([request], "")
        alice.wait_until(request, "In force")
        stream = story.watch("laptop", "tcp", "fileshare", TICKER, version=4)
        phone = story.watch("phone", "tcp", "wiki", WIKI, version=4)
        floor = Stream("no gateway at all", story.bench.watch("lan", "tcp", "127.0.0.1", WIKI, 240))
        insist(all(each.opened() for each in (stream, phone, floor)), "a granted stream did not open")
    with story.step("bob revokes it in the admin: the stream is cut, the page says confirmed, the phone feels nothing"):
        bob.revoke(request)
        words = alice.wait_until(request, "Ended early")
        story.seen |= {"how": stream.line().get("how"), "page": words}
        insist("Confirmed gone" in words, "the page does not say that the revoke was confirmed")
        gap, floor_gap = (each.stop()["longest_gap"] for each in (phone, floor))
        story.seen |= {"longest_gap_s": gap, "floor_s": floor_gap}
        insist(gap <= SMALL_GAP + floor_gap, "the other device's stream was disturbed")
    with story.step("carol is told that nobody can reach the file share any more"):
        story.seen["told"] = carol.who_reaches("File share")
        insist(story.seen["told"] == ["Nobody could reach it."], "somebody still could")


def overlap(story: Story, alice: Person, bob: Person) -> None:
    """Hold two grants for one resource: ending one leaves access, and its stream; ending both cuts it."""
    with story.step("alice has two overlapping grants"):
        asked = []
        for _ in range(2):
            asked.append(alice.ask("fileshare", "laptop"))
            bob.approve(asked[-1:], "")
            alice.wait_until(asked[-1], "In force")
        stream = story.watch("laptop", "tcp", "fileshare", TICKER, version=6)
        insist(stream.opened(), "a granted stream did not open")
    with story.step("one ends: the stream lives on"):
        alice.end(asked[0])
        alice.wait_until(asked[0], "Ended early")
        time.sleep(1)
        insist(stream.is_alive(), "ending one of two grants cut the stream")
    with story.step("the other ends: the stream is cut"):
        alice.end(asked[1])
        alice.wait_until(asked[1], "Ended early")
        story.seen["how"] = stream.line().get("how")
        insist(not story.bench.holds("fileshare", "10.89.0.2"), "the kernel still holds the laptop")


def insist(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise BrokenError with what was seen instead."""
    if not holds:
        raise BrokenError(otherwise)


def since(begun: float) -> int:
    """Return the milliseconds since then."""
    return round((time.monotonic() - begun) * 1000)
