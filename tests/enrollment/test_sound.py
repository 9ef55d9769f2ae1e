"""What admins save is judged again by the verb, whatever a form let through; and the page keeps what was typed."""

import pytest
from django.db import transaction
from django.db.models.signals import post_save
from django.test import Client
from django.urls import reverse

from enrollment import lifecycle
from enrollment.lifecycle import Refused
from enrollment.models import AccessPolicy, AuditEvent, Placement, Resource
from enrollment.texts import is_plain, same_name
from tests import factories


def save(obj, **changes):
    """Save as the admin does: the row and the verb in one transaction."""
    with transaction.atomic():
        for name, value in changes.items():
            setattr(obj, name, value)
        obj.save()
        lifecycle.estate_changed(obj, actor=None, verb="changed", now=factories.NOW)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"target_v4": "127.0.0.1"}, "A loopback address"),
        ({"target_v4": "169.254.169.254"}, "Cloud metadata"),
        ({"target_v4": "10.89.0.5"}, "Overlay addresses cannot be targets"),
        ({"target_v4": "198.51.100.9"}, "where a PEP is reached from outside"),
        ({"target_v6": "fe80::1"}, "A link-local address"),
        ({"overlay_v4": "10.89.99.4"}, "within the PEP's prefix"),
        ({"target_v4": "192.168.89.20"}, "Wiki leads there already, on tcp 445"),
    ],
)
def test_a_placement_that_no_form_would_take_is_not_kept(changes, because, fileshare, pep, told_peps):
    factories.a_resource("wiki", pep=pep, number=20)
    factories.a_pep(2, endpoint_host="198.51.100.9")
    placement, events = fileshare.placements.get(), AuditEvent.objects.count()
    with pytest.raises(Refused, match=because):
        save(placement, **changes)
    assert Placement.objects.filter(pk=placement.pk, **changes).count() == 0
    assert (AuditEvent.objects.count(), told_peps) == (events, [])


@pytest.mark.parametrize("key", ["A" * 43 + "=", "not a key"])
def test_a_pep_keeps_no_key_that_is_none(key, pep):
    with pytest.raises(Refused):
        save(pep, public_key=key)


def test_a_pep_keeps_no_host_key_that_is_none_and_no_comment(pep):
    with pytest.raises(Refused):
        save(pep, ssh_host_key=f"{factories.an_ssh_key('pep-1')} root@pep-1")


@pytest.mark.parametrize("field", ["endpoint_host", "ssh_host"])
@pytest.mark.parametrize("host", ["192.168.89.10", "fd00:89:0::a"])
def test_a_pep_is_not_reached_where_a_resource_leads(host, field, fileshare, pep):
    with pytest.raises(Refused, match="Fileshare leads to this address"):
        save(pep, **{field: host})


def test_no_resource_leads_to_where_workers_reach_a_pep(fileshare, pep):
    save(pep, ssh_host="192.168.89.99")
    with pytest.raises(Refused, match="where a PEP is reached"):
        save(fileshare.placements.get(), target_v4="192.168.89.99")


@pytest.mark.parametrize("name", ["FILESHARE", "fileshare", "\uff26ileshare", "Wi\u202eki", "Wi\nki", "\u3164"])
def test_no_two_resources_have_a_name_that_people_take_for_one(name, fileshare, pep):
    other = factories.a_resource("wiki", pep=pep, number=20)
    with pytest.raises(Refused, match=r"of this name already|do not print"):
        save(other, name=name)
    assert Resource.objects.get(pk=other.pk).name == "Wiki"


def test_no_two_policies_either(fileshare):
    with pytest.raises(Refused, match="of this name already"):
        save(AccessPolicy(), name=fileshare.policy.name.upper())


@pytest.mark.parametrize("letter", ["\u200b", "\u2060", "\u3164", "\u2800", "\u115f", "\u00a0", "\u202e", "\ue000", "\x7f"])
def test_what_is_not_seen_is_not_plain(letter):
    assert not is_plain(f"a{letter}b")


def test_letters_of_every_script_and_emoji_are_plain():
    assert all(map(is_plain, ["Größe", "报告", "отчёт", "📁 files", "naïve", "العربية"]))
    assert same_name("GRÖSSE") == same_name("größe")


@pytest.fixture
def somebody_faster(fileshare):
    """Another admin, whose change lands between this page's form and its verb: fileshare leads to the same address and port."""

    def land(sender, instance, created, **_more):
        if created and instance.resource.slug == "typed":
            Placement.objects.filter(resource=fileshare).update(target_v4=instance.target_v4)

    post_save.connect(land, sender=Placement)
    yield
    post_save.disconnect(land, sender=Placement)


def test_where_the_verb_refuses_the_page_comes_back_as_it_was_typed(dave, pep, fileshare, somebody_faster):
    client = Client()
    client.force_login(dave)
    form = {"name": "Typed name", "slug": "typed", "description": "Typed words", "policy": fileshare.policy_id}
    form |= {"ports-TOTAL_FORMS": 1, "ports-INITIAL_FORMS": 0, "ports-0-protocol": "tcp", "ports-0-first": "445"}
    form |= {
        "placements-TOTAL_FORMS": 1,
        "placements-INITIAL_FORMS": 0,
        "placements-0-pep": pep.pk,
        "placements-0-target_v4": "192.168.89.77",
    }
    page = client.post(reverse("admin:enrollment_resource_add"), form)
    assert page.status_code == 200
    assert "Fileshare leads there already, on tcp 445." in page.text
    assert [typed in page.text for typed in ("Typed name", "Typed words", "192.168.89.77")] == [True, True, True]
    assert not Resource.objects.filter(slug="typed").exists()
