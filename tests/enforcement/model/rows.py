"""What the database says at one moment, read plainly, and what follows from it by rules written a second time.

Nothing of `policy`, `facts` or `history` is used here: this is the oracle that they are held against.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from enforcement.models import Enforcement
from enrollment.models import (
    AccessRequest,
    AuditHead,
    Device,
    Grant,
    IdentityProof,
    Membership,
    Placement,
    PolicyVersion,
    Resource,
    Review,
    User,
)

GRANT = ("pk", "user_id", "resource_id", "policy_version_id", "state", "starts_at", "ends_at", "ended_at", "request_id", "extends_id")
DEVICE = ("pk", "owner_id", "state", "lost_at", "public_key", "address_v4", "address_v6", "address_freed_at")
REQUEST = ("pk", "requester_id", "resource_id", "policy_version_id", "state", "seconds", "answer_by", "closed_at")
REVIEW = ("pk", "request_id", "reviewer_id", "on_behalf_of_id", "verdict", "seconds", "stage__group_id")
OPEN = ("scheduled", "active")
FINAL = {
    "grant": ("expired", "revoked"),
    "accessrequest": ("approved", "denied", "cancelled", "lapsed", "withdrawn"),
    "device": ("retired",),
    "resource": ("retired",),
}


@dataclass(frozen=True)
class Rows:
    """All rows that access depends on, by number."""

    users: dict = field(default_factory=dict)
    groups: dict = field(default_factory=dict)
    proven: dict = field(default_factory=dict)
    devices: dict = field(default_factory=dict)
    resources: dict = field(default_factory=dict)
    placements: tuple = ()
    terms: dict = field(default_factory=dict)
    requests: dict = field(default_factory=dict)
    grants: dict = field(default_factory=dict)
    named: dict = field(default_factory=dict)
    reviews: tuple = ()
    events: int = 0

    def states(self):
        """Return the state of everything that has one, by kind and number, as the audit log names them."""
        return {
            **{("user", pk): "active" if active else "disabled" for pk, active in self.users.items()},
            **{("device", pk): row["state"] for pk, row in self.devices.items()},
            **{("resource", pk): "retired" if row["retired_at"] else "offered" for pk, row in self.resources.items()},
            **{("accessrequest", pk): row["state"] for pk, row in self.requests.items()},
            **{("grant", pk): row["state"] for pk, row in self.grants.items()},
        }

    def final(self):
        """Return the rows that must never change again. A device's address may end its rest."""
        return {
            **{("device", pk): {**row, "address_freed_at": None} for pk, row in self.devices.items() if row["state"] == "retired"},
            **{("resource", pk): row for pk, row in self.resources.items() if row["retired_at"]},
            **{("accessrequest", pk): row for pk, row in self.requests.items() if row["state"] in FINAL["accessrequest"]},
            **{("grant", pk): row for pk, row in self.grants.items() if row["state"] in FINAL["grant"]},
        }

    def window(self, grant, device):
        """Return from when to when this grant, by itself, lets this device in; None for never, as things stand."""
        session, requesters = self.terms[grant["policy_version_id"]]
        row, user = self.devices[device], grant["user_id"]
        stands = (
            grant["state"] in OPEN
            and device in self.named[grant["pk"]]
            and row["owner_id"] == user
            and row["state"] == "enrolled"
            and self.users[user]
            and not self.resources[grant["resource_id"]]["retired_at"]
            and (not requesters or bool(requesters & self.groups.get(user, frozenset())))
            and (session is None or user in self.proven)
        )
        if not stands:
            return None
        end = grant["ends_at"] if session is None else min(grant["ends_at"], self.proven[user] + timedelta(seconds=session))
        return (grant["starts_at"], end) if grant["starts_at"] < end else None

    def windows(self, device, resource, without=frozenset()):
        about = [g for pk, g in self.grants.items() if g["resource_id"] == resource and device in self.named[pk] and pk not in without]
        return [window for grant in about if (window := self.window(grant, device))]

    def until(self, device, resource, at, without=frozenset()):
        """Return when access that stands now ends, over grants that touch each other; None where there is none."""
        windows, end = self.windows(device, resource, without), at
        while later := [stop for start, stop in windows if start <= end < stop]:
            end = max(later)
        return end if end > at else None

    def reach(self, at):
        """Return who reaches what at this moment, and until when: (device, resource) to the end."""
        pairs = {(device, grant["resource_id"]) for pk, grant in self.grants.items() for device in self.named[pk]}
        ends = {pair: self.until(*pair, at) for pair in pairs}
        return {pair: end for pair, end in ends.items() if end}

    def live(self, at):
        return [g for g in self.grants.values() if g["state"] in OPEN and g["starts_at"] <= at < g["ends_at"]]

    def moments(self, after):
        """Return the instants ahead at which time alone changes something."""
        found = {moment for row in self.grants.values() if row["state"] in OPEN for moment in (row["starts_at"], row["ends_at"])}
        found |= {row["answer_by"] for row in self.requests.values() if row["state"] == "pending"}
        lengths = {session for session, _groups in self.terms.values() if session}
        found |= {proven + timedelta(seconds=length) for proven in self.proven.values() for length in lengths}
        return sorted(moment for moment in found if moment > after)


def read_rows():
    grants = {row["pk"]: row for row in Grant.objects.order_by("pk").values(*GRANT)}
    named, groups, proven = {pk: set() for pk in grants}, {}, {}
    for grant, device in Grant.devices.through.objects.values_list("grant_id", "device_id"):
        named[grant].add(device)
    for user, group in Membership.objects.values_list("user_id", "group_id"):
        groups.setdefault(user, set()).add(group)
    for user, at in IdentityProof.objects.filter(withdrawn_at=None).values_list("user_id", "auth_time"):
        proven[user] = max(at, proven.get(user, at))
    terms = {pk: (session, set()) for pk, session in PolicyVersion.objects.values_list("pk", "session_length")}
    for version, group in PolicyVersion.requesters.through.objects.values_list("policyversion_id", "group_id"):
        terms[version][1].add(group)
    return Rows(
        users=dict(User.objects.values_list("pk", "is_active")),
        groups=groups,
        proven=proven,
        devices={row["pk"]: row for row in Device.objects.order_by("pk").values(*DEVICE)},
        resources={row["pk"]: row for row in Resource.objects.values("pk", "slug", "retired_at")},
        placements=tuple(Placement.objects.values("pk", "resource_id", "pep_id", "overlay_v4", "overlay_v6", "target_v4", "target_v6")),
        terms=terms,
        requests={row["pk"]: row for row in AccessRequest.objects.order_by("pk").values(*REQUEST)},
        grants=grants,
        named=named,
        reviews=tuple(Review.objects.order_by("pk").values(*REVIEW)),
        events=AuditHead.objects.values_list("seq", flat=True).get(),
    )


def enforced():
    """Return what the portal says of each grant on each PEP."""
    return list(Enforcement.objects.values("pep_id", "grant_id", "device_id", "state", "until", "grant__resource__slug"))
