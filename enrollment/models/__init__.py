"""Tables that people cause to change; constraints and QuerySets, no side effects."""

from enrollment.models.access import AccessRequest, Grant, RequestedDevice, Review
from enrollment.models.clock import LatestMoment
from enrollment.models.delegations import Delegation
from enrollment.models.devices import Device, DeviceKey
from enrollment.models.directory import DirectoryGroup, DirectoryUser, HeldChange
from enrollment.models.estate import AccessPolicy, Pep, Placement, PolicyVersion, Resource, ResourcePort, Stage
from enrollment.models.handovers import Handover, digest_of
from enrollment.models.log import AuditCheck, AuditEvent, AuditHead
from enrollment.models.notices import Notice, NoticeItem, ToldOnce
from enrollment.models.people import IdentityProof, Membership, User, username_for
from enrollment.models.sessions import BrowserSession, LogoutToken

__all__ = [
    "AccessPolicy",
    "AccessRequest",
    "AuditCheck",
    "AuditEvent",
    "AuditHead",
    "BrowserSession",
    "Delegation",
    "Device",
    "DeviceKey",
    "DirectoryGroup",
    "DirectoryUser",
    "Grant",
    "Handover",
    "HeldChange",
    "IdentityProof",
    "LatestMoment",
    "LogoutToken",
    "Membership",
    "Notice",
    "NoticeItem",
    "Pep",
    "Placement",
    "PolicyVersion",
    "RequestedDevice",
    "Resource",
    "ResourcePort",
    "Review",
    "Stage",
    "ToldOnce",
    "User",
    "digest_of",
    "username_for",
]
