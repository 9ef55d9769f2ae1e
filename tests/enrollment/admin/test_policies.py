"""Terms of a policy in the admin: each save is a version, durations are in words, and mistakes get a sentence."""

import pytest
from django.conf import settings
from django.urls import reverse

from enrollment.admin_forms.policy import PolicyForm
from enrollment.models import AccessPolicy, AuditEvent
from tests import factories


@pytest.fixture
def admin(browse, dave):
    return browse(dave)


@pytest.fixture
def terms(bob, frank):
    return {
        "name": "Two agree",
        "group_1": factories.a_group(factories.APPROVERS).pk,
        "need_1": "1",
        "group_2": "",
        "need_2": "",
        "group_3": "",
        "need_3": "",
        "time_to_answer": "1 d",
        "longest_grant": "8 h",
        "rolling_total": "1 d 16 h",
        "rolling_window": "7 d",
        "session_length": "",
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
    }


def test_an_admin_makes_a_policy(admin, terms, url, dave):
    second = factories.a_group("printer-approvers")
    assert admin.post(url("accesspolicy_add"), {**terms, "group_3": second.pk, "need_3": "1", "session_length": "12 h"}).status_code == 302
    version = AccessPolicy.objects.get().current
    assert [str(stage) for stage in version.stages.all()] == [f"1 of {factories.APPROVERS}", "1 of printer-approvers"]
    assert (version.longest_grant, version.rolling_total, version.session_length) == (28800, 144000, 43200)
    assert version.created_by == dave
    assert AuditEvent.objects.filter(verb="policy.changed", actor_id=dave.pk).count() == 1


def test_an_admin_says_which_proof_of_identity_counts(admin, terms, url, words):
    asked = {**terms, "session_length": "8 h", "needs_mfa": "on", "ends_at_logout": "on"}
    assert admin.post(url("accesspolicy_add"), asked).status_code == 302
    version = AccessPolicy.objects.get().current
    assert (version.session_length, version.needs_mfa, version.ends_at_logout) == (28800, True, True)
    page = words(admin.get(url("accesspolicy_change", version.policy_id)))
    assert "second factor pauses with signing out" in page
    admin.post(url("accesspolicy_change", version.policy_id), {**terms, "session_length": "8 h"})
    version = AccessPolicy.objects.get().current
    assert (version.number, version.needs_mfa, version.ends_at_logout) == (2, False, False)


def test_a_second_factor_of_any_age_is_refused_at_its_field(admin, terms, url):
    page = admin.post(url("accesspolicy_add"), {**terms, "needs_mfa": "on"})
    assert page.context["adminform"].form.errors == {"session_length": ["Say how old the sign-in with a second factor may be."]}
    assert not AccessPolicy.objects.exists()


def test_new_terms_are_a_new_version_and_the_old_one_stays(admin, terms, url, words):
    admin.post(url("accesspolicy_add"), terms)
    policy = AccessPolicy.objects.get()
    admin.post(url("accesspolicy_change", policy.pk), {**terms, "longest_grant": "2 h", "ticket_shapes": "OPS-#, INC#"})
    assert list(policy.versions.order_by("number").values_list("number", "longest_grant", "ticket_shapes")) == [
        (1, 28800, ""),
        (2, 7200, "OPS-# INC#"),
    ]
    page = words(admin.get(url("accesspolicy_change", policy.pk)))
    assert "longest grant: 2 h" in page
    assert "with a ticket like OPS-# INC#" in page


def test_saving_unchanged_terms_makes_no_version(admin, terms, url, everything):
    admin.post(url("accesspolicy_add"), terms)
    policy = AccessPolicy.objects.get()
    before = everything()
    admin.post(url("accesspolicy_change", policy.pk), terms)
    assert everything() == before


def test_the_form_shows_what_was_typed(admin, terms, url):
    admin.post(url("accesspolicy_add"), terms)
    body = admin.get(url("accesspolicy_change", AccessPolicy.objects.get().pk)).content.decode()
    assert 'value="1 d 16 h"' in body


BAD = [
    ("group_1", "", "without one, nobody could approve"),
    ("need_1", "0", "greater than or equal to 1"),
    ("need_2", "1", None),
    ("longest_grant", "0 h", "longer than no time"),
    ("longest_grant", "-8 h", "a whole number and a unit"),
    ("longest_grant", "8", "Say the unit too"),
    ("longest_grant", "1e309 h", "a whole number and a unit"),
    ("longest_grant", "9999999 d", "longer than 366 days"),
    ("rolling_total", "1 h", "must cover the longest grant"),
    ("rolling_window", "1 h", "at least as long as the total"),
    ("time_to_answer", "", "required"),
    ("break_glass_longest", "9 h", "not last longer than the longest grant"),
    ("break_glass_longest", "30", "Say the unit too"),
    ("break_glass_longest", "0 min", "longer than no time"),
    ("break_glass_by", ["99"], "Select a valid choice"),
    ("name", "a\u202eb", "do not print"),
    ("ticket_shapes", "OPS", "Write it like OPS-#"),
    ("ticket_shapes", "OPS-# (a+)+#", "Write it like OPS-#"),
    ("requesters", ["99"], "Select a valid choice"),
]


@pytest.mark.parametrize(("field", "text", "sentence"), BAD)
def test_bad_terms_are_refused_at_their_field(field, text, sentence, terms):
    data = terms | {field: text}
    data |= {several: text if field == several else [] for several in ("requesters", "break_glass_by")}
    errors = PolicyForm(data).errors
    assert (sentence or "Choose a group, or leave the number empty") in str(errors[field if sentence else "group_2"])


def test_an_admin_lets_some_take_emergency_access(admin, terms, url, words):
    on_call = factories.a_group("on call")
    emergencies = {"break_glass_longest": "30 min", "break_glass_by": [on_call.pk]}
    assert admin.post(url("accesspolicy_add"), {**terms, **emergencies}).status_code == 302
    policy = AccessPolicy.objects.get()
    assert (policy.current.break_glass_longest, list(policy.current.break_glass_by.all())) == (1800, [on_call])
    page = admin.get(url("accesspolicy_change", policy.pk))
    assert "30 min at most, by on call" in words(page)
    assert 'value="30 min"' in page.content.decode()
    admin.post(url("accesspolicy_change", policy.pk), {**terms, **emergencies})
    assert policy.versions.count() == 1
    admin.post(url("accesspolicy_change", policy.pk), terms)
    assert (policy.versions.count(), policy.current.break_glass_longest) == (2, None)


def test_who_may_take_it_without_how_long_is_refused(terms):
    data = {**terms, "requesters": [], "break_glass_by": [terms["group_1"]]}
    assert "Say how long it may last" in str(PolicyForm(data).errors["break_glass_longest"])


def test_a_group_named_twice_is_refused(terms):
    assert "named twice" in str(PolicyForm({**terms, "group_2": terms["group_1"], "requesters": []}).errors["group_2"])


def test_a_group_of_few_is_warned_about(admin, terms, url, told):
    response = admin.post(url("accesspolicy_add"), terms, follow=True)
    assert any("has few members or none yet" in said for said in told(response))


def test_an_admin_adds_a_group_that_has_not_signed_in_yet(admin, url):
    none = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    assert admin.post(reverse("admin:auth_group_add"), {"name": "vault-keepers", **none}).status_code == 302
    event = AuditEvent.objects.order_by("-seq").first()
    assert (event.verb, event.subject) == ("group.added", f"{settings.OIDC_GROUP_PREFIX}vault-keepers")
