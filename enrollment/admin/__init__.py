"""The admin: approvers answer, auditors read, admins keep the estate. Nothing here decides; verbs do."""

from enrollment.admin import access, delegations, devices, estate, grants, held, log, people, policies, reviews

__all__ = ["access", "delegations", "devices", "estate", "grants", "held", "log", "people", "policies", "reviews"]
