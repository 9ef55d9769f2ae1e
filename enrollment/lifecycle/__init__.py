"""Every way an access begins or ends, and what else people cause; the only writer of `state` columns.

A verb is one transaction: a conditional UPDATE that says which state it expects, the
audit event, and after the commit a nudge to the PEPs concerned. Who comes second gets a
Conflict that says who decided and when; who may not gets a Refused with all the reasons.
"""

from enrollment.lifecycle.bundles import LARGEST, RefusedBundle, request_bundle
from enrollment.lifecycle.delegations import delegate, end_delegation
from enrollment.lifecycle.device_keys import bring_back_device, rotate_key
from enrollment.lifecycle.device_states import approve_device, refuse_device, report_lost, resume_device, retire_device, suspend_device
from enrollment.lifecycle.devices import enrol_device, no_room
from enrollment.lifecycle.directory import deprovision_user, describe_user, provision_user, report_unmatched
from enrollment.lifecycle.due import activate_due, expire_due, free_addresses, lapse_due
from enrollment.lifecycle.emergencies import break_glass, review_break_glass
from enrollment.lifecycle.estate import estate_changed, new_policy_version, retire_resource
from enrollment.lifecycle.grants import revoke
from enrollment.lifecycle.handovers import (
    confirm_handover,
    finish_handover,
    forget_handovers,
    make_handover,
    offer_key,
    open_handover,
    refuse_handover,
)
from enrollment.lifecycle.members import change_members, confirm_held, deprovision_group, dismiss_held, provision_group, replace_members
from enrollment.lifecycle.outcomes import Conflict, Refused
from enrollment.lifecycle.people import disable_user, enable_user, sign_in
from enrollment.lifecycle.probes import (
    drop_token,
    end_refused,
    forget_refresh_tokens,
    keep_refresh_token,
    keep_rotated,
    report_mistaken,
    stand_by,
    take_probe,
)
from enrollment.lifecycle.reminders import remind_approvers
from enrollment.lifecycle.requests import cancel_request, request_access
from enrollment.lifecycle.reviews import approve, deny
from enrollment.lifecycle.sessions import (
    forget_logout_tokens,
    forget_sessions,
    keep_key,
    sign_out,
    sign_out_by_provider,
    sign_out_everywhere,
)

__all__ = [
    "LARGEST",
    "Conflict",
    "Refused",
    "RefusedBundle",
    "activate_due",
    "approve",
    "approve_device",
    "break_glass",
    "bring_back_device",
    "cancel_request",
    "change_members",
    "confirm_handover",
    "confirm_held",
    "delegate",
    "deny",
    "deprovision_group",
    "deprovision_user",
    "describe_user",
    "disable_user",
    "dismiss_held",
    "drop_token",
    "enable_user",
    "end_delegation",
    "end_refused",
    "enrol_device",
    "estate_changed",
    "expire_due",
    "finish_handover",
    "forget_handovers",
    "forget_logout_tokens",
    "forget_refresh_tokens",
    "forget_sessions",
    "free_addresses",
    "keep_key",
    "keep_refresh_token",
    "keep_rotated",
    "lapse_due",
    "make_handover",
    "new_policy_version",
    "no_room",
    "offer_key",
    "open_handover",
    "provision_group",
    "provision_user",
    "refuse_device",
    "refuse_handover",
    "remind_approvers",
    "replace_members",
    "report_lost",
    "report_mistaken",
    "report_unmatched",
    "request_access",
    "request_bundle",
    "resume_device",
    "retire_device",
    "retire_resource",
    "review_break_glass",
    "revoke",
    "rotate_key",
    "sign_in",
    "sign_out",
    "sign_out_by_provider",
    "sign_out_everywhere",
    "stand_by",
    "suspend_device",
    "take_probe",
]
