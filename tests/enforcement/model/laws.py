"""The laws, each a function that says nothing where it holds. Names are those of docs/cases.md."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from enrollment import audit, facts
from enrollment.models import AccessRequest, AuditEvent, Device, Resource, Stage
from enrollment.policy import decide

LATE = 0.4  # what transit is given, and what reading an end may be wrong by (`TRANSIT_SECONDS`, `UNSURE_SECONDS`)
EARLY = 12.0  # what a busy machine may lose from a deadline: the age of a nonce, whole seconds, and a commit's own time
A_MOMENT = timedelta(seconds=15)
SOON = 15.0  # an end so near may have come when the kernel is read


@dataclass(frozen=True)
class Moment:
    """The model's time, how far it is ahead of the PEPs' clocks, and how long a document took at most, in seconds."""

    now: datetime
    offset: float
    slowest: float


class Broken(AssertionError):  # noqa: N818 - what is broken is a law
    """A law does not hold."""


def law(name, holds, words=""):
    if not holds:
        raise Broken(f"{name}: {words}")


class Log:
    """The audit log, folded event by event as it grows, by nothing but its `from` and `to`."""

    def __init__(self):
        self.seq, self.hash, self.states = 0, audit.GENESIS, {}

    def copy(self):
        other = Log()
        other.seq, other.hash, other.states = self.seq, self.hash, dict(self.states)
        return other

    def read_on(self):
        """I7 and I15, for what is new: no gap, each seals the one before, and each begins where the last one about it ended."""
        for event in AuditEvent.objects.filter(seq__gt=self.seq).order_by("seq"):
            law("I15", event.seq == self.seq + 1 and event.previous == self.hash, f"event {event.seq} does not follow {self.seq}")
            law("I15", event.hash == audit.seal(event), f"event {event.seq} is not what was sealed")
            self.seq, self.hash = event.seq, event.hash
            if "to" in event.data:
                key, began = (event.subject_type, event.subject_id), {"user": "active", "resource": "offered"}
                before = self.states.get(key, began.get(event.subject_type))
                law("I7", event.data.get("from", "?") == before, f"{event.verb} says from {event.data.get('from', '?')}, was {before}")
                self.states[key] = event.data["to"]

    def agrees(self, rows):
        began = {"user": "active", "resource": "offered"}
        for key, state in rows.states().items():
            told = self.states.get(key, began.get(key[0]))
            law("I7", told == state, f"{key} is {state}, and the log says {told}")


def final_stays_final(before, rows):
    after = rows.final()
    for key, row in before.final().items():
        law("I2", after.get(key) == row, f"{key} was {row}, is {after.get(key)}")


def one_grant_for_each_approved_request(rows):
    approved = {pk for pk, row in rows.requests.items() if row["state"] == "approved"}
    law("I3", sorted(approved) == sorted(g["request_id"] for g in rows.grants.values()), "approved requests and grants are not the same")


def one_open_request_for_a_device_and_a_resource():
    pending = AccessRequest.objects.filter(state="pending").values_list("devices", "resource")
    law("I6", len(pending) == len(set(pending)), "two open requests for one device and resource")


def times_are_utc(rows):
    found = [value for table in (rows.grants, rows.requests, rows.devices) for row in table.values() for value in row.values()]
    law("I18", all(value.tzinfo is UTC for value in found if isinstance(value, datetime)), "an instant is not UTC")


def seat(review):
    """Return whose answer it is, whoever gave it."""
    return review["on_behalf_of_id"] or review["reviewer_id"]


def answered_by_enough(rows, grant, stages, members, said):
    """I4, at the moment of the grant: `stages` {group: need}, `members` {group: users} of now, `said` {review: groups of then}."""
    reviews = [review for review in rows.reviews if review["request_id"] == grant["request_id"] and review["verdict"] == "approve"]
    reviewers = {review["reviewer_id"] for review in reviews}
    law("I4", grant["user_id"] not in reviewers, "somebody answered for themselves")
    seats = {seat(review) for review in reviews}
    law("I4", grant["user_id"] not in seats, "somebody answered in the requester's stead")
    law("I4", len(reviewers) == len(seats) == len(reviews), "somebody answered twice, or two in one's stead")
    for group, need in stages.items():
        yes = [
            r
            for r in reviews
            if r["stage__group_id"] == group and group in said[r["pk"]] and rows.users[r["reviewer_id"]] and rows.users[seat(r)]
        ]
        law("I4", len(yes) >= need, f"{len(yes)} of {need} answered for group {group}")
    law("I4", all(group in members for group in stages), "a stage of a group that is none")


def lasts_no_longer_than_allowed(rows, grant, versions, now):
    """I5, at the moment of the grant: by each term, the question and each cut; and within the rolling total."""
    asked = rows.requests[grant["request_id"]]
    cuts = [r["seconds"] for r in rows.reviews if r["request_id"] == grant["request_id"] and r["seconds"]]
    lasts = (grant["ends_at"] - grant["starts_at"]).total_seconds()
    law("I5", 0 < lasts <= min([asked["seconds"], *cuts, *(version.longest_grant for version in versions)]), f"lasts {lasts} s")
    same = [g for g in rows.grants.values() if (g["user_id"], g["resource_id"]) == (grant["user_id"], grant["resource_id"])]
    for version in versions:
        since = now.timestamp() - version.rolling_window
        spent = sum(max(0.0, _end(g) - max(g["starts_at"].timestamp(), since)) for g in same)
        law("I5", spent <= version.rolling_total, f"{spent} s of {version.rolling_total} within the window")


def _end(grant):
    ends = grant["ends_at"].timestamp()
    return min(ends, grant["ended_at"].timestamp()) if grant["ended_at"] else ends


def stages_that_apply(request, versions):
    """Return what must agree, {group: need}: the most that any of the terms asks of a group."""
    found = {}
    for group, need in Stage.objects.filter(version__in=versions).values_list("group_id", "need"):
        found[group] = max(need, found.get(group, 0))
    return found


def decided(rows, now):
    """Return what `decide` says about every device and resource: its end, or None."""
    pairs = [(device, resource) for device in Device.objects.all() for resource in Resource.objects.all()]
    known = facts.facts_of_all(pairs, now)
    return {pair: decide(each, now) for pair, each in known.items()}


def decide_is_what_the_rows_say(rows, now):
    """I1, the first half: `decide`, over facts read in two ways, and rules written a second time, agree."""
    decisions, reach = decided(rows, now), rows.reach(now)
    allowed = {pair: decision.until for pair, decision in decisions.items() if decision}
    law("I1", allowed == reach, f"decide allows {allowed}, the rows say {reach}")
    return decisions


def kernel_is_what_the_rows_say(rows, pep, held, moment, *, at_least=True, peers=True):
    """I1, the second half, and I8: elements, their ends, targets and peers.

    `at_least` False: only that nothing is too much. `peers` False: WireGuard knows no deadlines, so they stay until somebody looks.
    """
    now, offset = moment.now, moment.offset
    offered = [row for row in rows.placements if not rows.resources[row["resource_id"]]["retired_at"]]
    placed = {row["resource_id"]: row for row in offered if row["pep_id"] == pep.pk}
    ends, must, may = {}, {}, {}
    for (device, resource), end in rows.reach(now).items():
        row = rows.devices[device]
        for family in ("v4", "v6"):
            if resource in placed and row[f"address_{family}"] and placed[resource][f"overlay_{family}"]:
                ends[rows.resources[resource]["slug"], row[f"address_{family}"]] = end
                may[row["public_key"]] = addresses = frozenset(filter(None, (row["address_v4"], row["address_v6"])))
                if (end - now).total_seconds() > SOON:
                    must[row["public_key"]] = addresses
    owners = {row[f"address_{family}"]: row for row in rows.devices.values() if not row["address_freed_at"] for family in ("v4", "v6")}
    for (slug, address), left in held.elements.items():
        row = owners.get(address)
        cut = row is None or row["state"] != "enrolled" or row["lost_at"] or not rows.users[row["owner_id"]]
        law("I8", not cut, f"{pep} lets {address} into {slug}, and it is nobody's who may have anything: {row}")
        law("I1", (slug, address) in ends, f"{pep} lets {address} into {slug}, and nothing allows it")
        over = held.began + left + offset - int(ends[slug, address].timestamp())
        law("I1", over <= LATE + moment.slowest, f"{pep} lets {address} into {slug} {over:.3f} s too long")
        early = int(ends[slug, address].timestamp()) - (held.ended + left + offset)
        law("I1", not at_least or early <= EARLY, f"{pep} ends {address} in {slug} {early:.3f} s too early")
    for key, addresses in held.peers.items() if peers else ():
        law("I8", may.get(key) == addresses, f"{pep} has a peer {key} with {set(addresses)}; it may have {may.get(key)}")
    if at_least:
        lacking = {pair for pair, end in ends.items() if (end - now).total_seconds() > SOON} - set(held.elements)
        law("I1", not lacking, f"{pep} lacks {lacking}")
        law("I1", must.items() <= held.peers.items(), f"{pep} lacks peers: {must}, held {held.peers}")
        targets = {row[f"overlay_{f}"]: row[f"target_{f}"] for row in placed.values() for f in ("v4", "v6")}
        law("I1", held.targets == targets, f"{pep} leads {held.targets}, placed is {targets}")


def says_only_what_the_kernel_holds(rows, enforced, pep, held, now):
    """Promise 2: what is said to be in force is in the kernel, what is said to be gone gives nothing."""
    for row in (row for row in enforced if row["pep_id"] == pep.pk):
        device = rows.devices[row["device_id"]]
        pairs = {(row["grant__resource__slug"], device[f"address_{family}"]) for family in ("v4", "v6") if device[f"address_{family}"]}
        if row["state"] == "in_force" and (row["until"] - now).total_seconds() > SOON:
            law("I1", pairs <= set(held.elements), f"said to be in force and is not on {pep}: {row}")
        window = rows.window(rows.grants[row["grant_id"]], row["device_id"])
        if row["state"] == "gone" and window:
            gives = window[0] <= now < window[1] and (window[1] - now).total_seconds() > SOON
            law("I1", not gives, f"said to be gone on {pep}, and gives access: {row}")


def who_is_what_the_rows_said(snapshots, resources, at):
    """I16: what is told from the log about a moment is what the rows of that moment say."""
    rows = next((rows for began, rows in reversed(snapshots) if began <= at), None)
    if rows is None:
        return 0
    told = {(reach.device_id, reach.resource_id): reach.until for each in resources for reach in facts.reachable_by(each, at)}
    reach = rows.reach(at)
    law("I16", told == reach, f"at {at} the log says {told}, the rows said {reach}")
    return len(reach)
