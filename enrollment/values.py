"""The facts that decisions are made of, as frozen values: what `facts` reads, `policy` judges and `enforcement` compiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address

MINUTE = 60


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """One grant, with the terms of the policy version that it was given under."""

    id: int
    user_id: int
    device_ids: frozenset[int]
    starts_at: datetime
    ends_at: datetime
    is_open: bool = True  # neither revoked nor found expired
    session_length: int | None = None  # how old the proof of identity may be; None: nobody asks
    needs_mfa: bool = False
    ends_at_logout: bool = False
    requesters: frozenset[int] = frozenset()  # groups that may have it; none: everybody


@dataclass(frozen=True, slots=True)
class Proof:
    """That somebody proved who they are: when, whether with several factors, and whether in a session that nobody has ended."""

    at: datetime
    is_mfa: bool = False
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """All that matters to whether one device may reach one resource."""

    user_is_active: bool
    proofs: tuple[Proof, ...]  # those that could matter, in any order
    device_id: int
    device_owner_id: int
    device_state: str
    resource_is_retired: bool = False
    user_groups: frozenset[int] = frozenset()
    grants: tuple[GrantFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device as a PEP or a request knows it."""

    id: int
    owner_id: int
    name: str
    state: str
    public_key: str
    address_v4: IPv4Address | None
    address_v6: IPv6Address | None


@dataclass(frozen=True, slots=True)
class PlacementFacts:
    """A resource on one PEP. `id` is the resource's; an absent family has neither overlay nor target."""

    id: int
    slug: str
    ports: tuple[tuple[str, int, int], ...]
    overlay_v4: IPv4Address | None
    target_v4: IPv4Address | None
    overlay_v6: IPv6Address | None
    target_v6: IPv6Address | None
    is_on_pep: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """A device and a resource that at least one unfinished grant names, with everything `decide` needs."""

    device: DeviceFacts
    resource: str  # slug
    facts: Facts
    grant_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PepFacts:
    """All that matters to what one PEP must hold."""

    placements: tuple[PlacementFacts, ...] = ()
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody wants a resource. `seconds` None: only whether it could be asked for at all."""

    user_id: int
    user_is_active: bool
    user_groups: frozenset[int]
    resource_is_retired: bool
    has_terms: bool
    requesters: tuple[frozenset[int], ...] = ()  # of each policy version that applies; an empty one lets everybody ask
    can_be_approved: bool = False
    longest_grant: int = 0
    time_to_answer: int = 0
    rolling_total: int = 0
    rolling_window: int = 0
    used_seconds: int = 0
    seconds: int | None = None
    starts_at: datetime | None = None
    devices: tuple[DeviceFacts, ...] = field(default=())
    ticket_shapes: tuple[str, ...] = ()  # of each version that wants a ticket
    ticket: str | None = None  # None: nobody has had the chance to give one yet

    @property
    def shapes_to_judge(self) -> tuple[str, ...]:
        return self.ticket_shapes if self.ticket is not None else ()

    @property
    def seconds_left(self) -> int:
        """Return what the rolling total leaves."""
        return max(0, self.rolling_total - self.used_seconds)

    @property
    def most_seconds(self) -> int:
        """Return the longest time that can be asked for now, in whole minutes where it has one."""
        most = min(self.longest_grant, self.seconds_left)
        return most - most % 60 if most < self.longest_grant and most >= MINUTE else most


@dataclass(frozen=True, slots=True)
class Step:
    """So many people of a group must say yes; `people` are those who could."""

    group: str
    need: int
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Emergency:
    """Somebody wants a resource at once, before anybody answers. `longest` None: the terms know no emergency access."""

    asking: Asking
    longest: int | None = None
    groups: frozenset[int] = frozenset()  # that may take it, of those who may ask; none: everybody of them
    can_be_reviewed: bool = False
    has_one_to_review: bool = False  # emergency access of this person, to whatever, that nobody has reviewed

    @property
    def is_offered(self) -> bool:
        """Whether pages mention it to this person: whether they can have it now is for `may_break_glass` to say."""
        asked = self.asking
        mine = [*asked.requesters, self.groups]
        return self.longest is not None and all(not groups or bool(groups & asked.user_groups) for groups in mine)


@dataclass(frozen=True, slots=True)
class Reviewing:
    """Somebody wants to answer a request: `is_in_group`, in their own right, is about the stage that waits; of an emergency, any stage."""

    user_is_active: bool
    is_requester: bool
    is_in_group: bool
    in_stead_of: int | None = None  # whose seat they would fill: none where they have one of their own
    stands_in_for_requester: bool = False
    seat_is_taken: bool = False  # they, or the holder of that seat, have a part in this request already
