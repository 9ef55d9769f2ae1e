"""One pass over this PEP: read, plan, carry out, read back.

What gates opening (order, freshness, guards, caps, disk) is asked here, and none of it
gates closing. What the pass says is held was read back from the kernel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from enforcement.pep import allow, blame, carry_out, guards, journal, ruleset, trial, wg, witnesses
from enforcement.pep.caps import Caps
from enforcement.pep.drift import Drift
from enforcement.pep.freshness import lag
from enforcement.pep.kernel import Kernel
from enforcement.pep.memory import Marks, Memory
from enforcement.pep.observe import Observed, addresses_of, mentions, observe, read_admissions, read_interface, remembered
from enforcement.pep.plan import NO_LIMIT, Horizon, Plan, flows, kept_by_rebuild, plan
from enforcement.pep.requests import Apply
from enforcement.pep.state import Admission, Placement, State
from enforcement.pep.wg import Interface

SKEW_SECONDS = 5
TOUCHED = -1  # no generation: somebody else was here, and a pass over everything has not looked yet


@dataclass(slots=True)
class Pass:
    """What one pass found and did; `receipt.py` prints it."""

    horizon: Horizon
    read_at: int = 0
    why: list[str] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    journal: list[journal.Line] = field(default_factory=list)
    opens: bool = True
    changed: bool = False
    failed: bool = False  # some part of the plan could not be carried out
    held: State = field(default_factory=State)
    counts: dict[str, int] = field(default_factory=dict)
    interface: Interface = field(default_factory=lambda: Interface(None, (), frozenset(), {}))

    def closes_only(self, *reasons: str) -> None:
        """Note why nothing may open; an empty reason is none."""
        for reason in filter(None, reasons):
            self.opens = False
            self.why.append(reason)


def apply(kernel: Kernel, caps: Caps, memory: Memory, request: Apply, age: float | None) -> Pass:
    """Carry out one document. `age` is its nonce's age in seconds; None where it is not fresh."""
    now, commits, version = kernel.now(), kernel.commits, ruleset.fingerprint(caps)
    seconds = min(request.lease or NO_LIMIT, caps.longest_seconds)
    done = Pass(Horizon(int(now), seconds, lag(request.sent_at, age or 0.0, now), lag(request.sent_at, 0.0, now)))
    in_doubt = tuple(_order(memory, request, age))
    done.closes_only(memory.unread, *in_doubt)
    done.journal += journal.refusals(in_doubt, request.generation, now)
    if done.opens and request.witness:  # one that is late or replayed says nothing about the log of now
        _witness(memory, request.witness, request.generation, now, done)
    if abs(request.sent_at - now) > SKEW_SECONDS:
        done.why.append(f"the portal's clock and this PEP's are {abs(request.sent_at - now):.0f} s apart; access only ends earlier for it")
    seen = observe(kernel, memory, version, request.scope, request.state.peers)
    marks, done.drift, failure = guards.stand(kernel, caps, memory.marks, touched=seen.touched)
    marks, unlocked, still_open = trial.stand(kernel, caps, marks, memory.directory, touched=seen.touched)
    done.drift += unlocked
    done.why += filter(None, [still_open])
    done.closes_only(failure, seen.error)
    allowed, refused = allow.within_caps(caps, memory, request, now)
    done.why += refused
    done.journal += journal.refusals((words for words in refused if words not in memory.refused), request.generation, now)
    memory.refused = frozenset(refused) if request.scope is None else memory.refused | frozenset(refused)
    found = [] if not memory.sure else blame.blame(kernel, memory, seen, request.scope)
    keep, todo = _plan(kernel, memory, request, seen, allowed, done)
    try:
        memory.intend(_newest(memory, request), todo, now, rebuilds=keep is not None)
    except OSError as error:
        done.closes_only(f"this PEP cannot write what it is about to do, so nothing is opened: {error}")
        keep, todo = _plan(kernel, memory, request, seen, allowed, done)
    done.drift += blame.with_remedies(found, todo)
    _journal(memory, todo, request, now, done)
    if not seen.interface.is_remembered:
        memory.heard = wg.recent(memory.heard, seen.interface, now)
    placements = _carry_out(kernel, caps, memory, seen, keep, todo, done)
    done.changed = bool(todo) or bool(done.drift) or kernel.commits != commits
    _read_back(kernel, memory, seen, placements, request, done)
    structural = keep is not None or bool(todo.drop_placements or todo.replace_placements or todo.add_placements)
    expected = seen.genid + kernel.commits - commits
    if request.scope is not None and seen.touched:
        expected = TOUCHED
    _settle(kernel, memory, replace(marks, version=version), request, done, structural=structural, expected=expected)
    done.counts = {"peers": len(memory.peers), "admissions": len(memory.admissions), "placements": len(memory.placements)}
    return done


def _order(memory: Memory, request: Apply, age: float | None) -> Iterable[str]:
    if request.generation < memory.generation:
        yield f"generation {request.generation} is older than {memory.generation}, which was applied before"
    elif request.generation == memory.generation and request.order != memory.document:
        yield f"alarm: generation {request.generation} was applied before with another document"
    if age is None:
        yield "the document is not fresh: its nonce is missing, used, or more than a minute old"


def _witness(memory: Memory, told: witnesses.Witness, generation: int, now: float, done: Pass) -> None:
    """Keep where the audit log ends. One that has become shorter, or another, is an alarm, and holds nothing back."""
    try:
        against, is_news = witnesses.keep(memory.directory, told, now)
    except OSError as error:
        done.why.append(f"this PEP cannot keep where the audit log ends: {error}")
        return
    if against is None:
        return
    number, seal = against
    done.why.append(
        f"alarm: the audit log once reached event {number}, sealed {seal}, and is shorter or another now:"
        " the portal's database was cut off, restored or made anew; run manage.py audit verify"
    )
    if is_news:
        line: journal.Line = {"at": round(now, 3), "generation": generation, "change": "alarm: audit log"}
        done.journal.append({**line, "ends": list(told), "ended": list(against)})


def _newest(memory: Memory, request: Apply) -> tuple[int, str]:
    newer = request.generation > memory.generation
    return (request.generation, request.order) if newer else (memory.generation, memory.document)


def _plan(kernel: Kernel, memory: Memory, request: Apply, seen: Observed, allowed: State, done: Pass) -> tuple[State | None, Plan]:
    """Plan from what is held; where the table is not ours, from what loading it again keeps."""
    held, keep, lost = seen.state, None, tuple[Admission, ...]()
    if seen.table != "ours" and (done.opens or seen.table != "missing"):
        # a scope names only a part: the others keep what we gave them last
        wanted = allowed if request.scope is None else memory.state()
        # a table we do not remember may hold more than we know to look for
        known = wanted.placements if seen.table == "unknown" else held.placements
        whole = replace(held, admissions=read_admissions(kernel, known, None, ()))
        held = keep = kept_by_rebuild(whole, wanted, done.horizon, opens=done.opens)
        pairs = {(a.resource, a.address) for a in keep.admissions}
        lost = tuple(a for a in whole.admissions if (a.resource, a.address) not in pairs)
    todo = plan(held, allowed, done.horizon, request.scope, seen.interface.odd)
    if not done.opens:
        todo = todo.removals()
    return keep, replace(todo, forget=(*flows(memory.sorted_placements(), lost), *todo.forget))


def _journal(memory: Memory, todo: Plan, request: Apply, now: float, done: Pass) -> None:
    done.journal += journal.lines(todo, request.generation, now)
    try:
        journal.append(memory.directory, done.journal)
    except OSError as error:
        done.why.append(f"the journal on this PEP cannot be written: {error}")


def _carry_out(
    kernel: Kernel, caps: Caps, memory: Memory, seen: Observed, keep: State | None, todo: Plan, done: Pass
) -> tuple[Placement, ...]:
    placements = seen.state.placements
    if keep is not None:
        placements, why = carry_out.rebuild(kernel, caps, keep, live=seen.table != "missing")
        done.why += why
    if todo:
        there = {peer.key for peer in seen.interface.peers}
        calls = {p.key: memory.heard[p.key][0] for p in todo.set_peers if p.key in memory.heard and p.key not in there}
        placements, why = carry_out.carry_out(kernel, caps, todo, placements, calls, reads_peers=not seen.interface.is_remembered)
        done.why += why
        done.failed = bool(why)
    if keep is not None:
        done.why += carry_out.speak(kernel)
    return placements


def _read_back(kernel: Kernel, memory: Memory, seen: Observed, placements: tuple[Placement, ...], request: Apply, done: Pass) -> None:
    done.interface, admissions = seen.interface, seen.state.admissions
    if done.changed:
        taken = remembered(memory, request.scope, request.state.peers) if seen.interface.is_remembered and not done.failed else None
        done.interface, error = (taken, "") if taken else read_interface(kernel, mentions(request.scope, request.state.peers))
        done.closes_only(*({error} - {*done.why, ""}))
        admissions = read_admissions(kernel, placements, request.scope, addresses_of(request.state.peers))
    done.held = State(placements, done.interface.peers, admissions)
    done.read_at = int(kernel.now())


def _ours(memory: Memory, request: Apply, admissions: Iterable[Admission]) -> Iterable[Admission]:
    """Leave out what somebody else put there during the pass: remembered, it would be nobody's."""
    asked = {(a.resource, a.address) for a in request.state.admissions}
    return (a for a in admissions if (pair := (a.resource, a.address)) in asked or pair in memory.admissions)


def _settle(kernel: Kernel, memory: Memory, marks: Marks, request: Apply, done: Pass, *, structural: bool, expected: int) -> None:
    """Remember what was read back, and by what to see that somebody else was here."""
    structure = memory.marks.structure
    if structural or not done.held.placements:
        structure = kernel.structure() or ""
    clock = round(kernel.now() - kernel.boottime())
    marks = replace(
        marks, boot=kernel.boot(), genid=expected, structure=structure, clock=clock if abs(clock - marks.clock) > 1 else marks.clock
    )
    if expected != TOUCHED and kernel.generation() != expected:
        # somebody else committed meanwhile: look at everything next time, and do not vouch for a new structure
        marks = replace(marks, genid=TOUCHED, structure="" if structural else structure)
    held = replace(done.held, admissions=tuple(_ours(memory, request, done.held.admissions)))
    if done.interface.is_unread:
        held = replace(held, peers=tuple(memory.peers.values()))  # nobody removed them: we could not look
    try:
        memory.settle(held, request.scope, marks)
    except OSError as error:
        done.why.append(f"this PEP cannot write what it did: {error}")
