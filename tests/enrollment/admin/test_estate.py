"""A new admin makes a PEP, a resource and where it stands; each bad input gets its sentence."""

import pytest

from enforcement.models import PepStatus
from enrollment import ssh_keys
from enrollment.admin_forms.estate import PepForm, ResourceForm
from enrollment.models import AuditEvent, Pep, Placement, Resource, ResourcePort
from enrollment.signals import access_changed
from enrollment.views.configs import client_file
from tests import factories


def a_pep_form(**fields):
    plain = {
        "name": "pep-9",
        "endpoint_host": "vpn.example.com",
        "endpoint_port": "51820",
        "public_key": factories.a_key("pep nine"),
        "prefix_v4": "10.89.90.0/24",
        "prefix_v6": "fd89:0:0:90::/64",
        "lease_seconds": "8 h",
        "ssh_port": "22",
        "is_enabled": "on",
    }
    none = {f"placements-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}
    return {**plain, **none, **fields}


def a_resource_form(policy, pep, /, *, ports=(("tcp", "443", ""),), **fields):
    """The page of a resource as a browser posts it; `fields` are of the one placement unless they have a dash or are its own."""
    values = {"name": "Wiki", "slug": "wiki", "description": "", "policy": policy.pk}
    rows = {"ports-TOTAL_FORMS": len(ports), "ports-INITIAL_FORMS": 0, "placements-TOTAL_FORMS": 1, "placements-INITIAL_FORMS": 0}
    for at, (protocol, first, last) in enumerate(ports):
        rows |= {f"ports-{at}-protocol": protocol, f"ports-{at}-first": first, f"ports-{at}-last": last}
    placement = {"pep": pep.pk, "target_v4": "192.168.89.77", "target_v6": "", "overlay_v4": "", "overlay_v6": ""}
    placement |= {name: value for name, value in fields.items() if name not in values}
    values |= {name: value for name, value in fields.items() if name in values}
    return {**values, **rows, **{f"placements-0-{name}": value for name, value in placement.items()}}


@pytest.fixture
def policy(db):
    return factories.a_policy("plain")


@pytest.fixture
def admin(browse, dave):
    return browse(dave)


def test_an_admin_makes_a_pep(admin, url, dave):
    assert admin.post(url("pep_add"), a_pep_form()).status_code == 302
    pep = Pep.objects.get(name="pep-9")
    assert pep.lease_seconds == 28800
    assert AuditEvent.objects.get(verb="pep.added", subject_id=pep.pk).actor_id == dave.pk


def test_a_new_pep_says_what_is_left_to_do_and_that_nobody_reached_it_yet(admin, url):
    page = admin.post(url("pep_add"), a_pep_form(), follow=True).text
    assert "bootstrap_pep" in page
    assert "not reached yet" in page


def test_a_pep_is_made_before_its_keys_are_known_and_named_in_no_client_file(admin, url, laptop):
    for number in ("90", "91"):
        fields = {"name": f"pep-{number}", "public_key": "", "prefix_v4": f"10.89.{number}.0/24", "prefix_v6": f"fd89:0:0:{number}::/64"}
        assert admin.post(url("pep_add"), a_pep_form(**fields)).status_code == 302
    factories.a_resource("wiki", pep=Pep.objects.get(name="pep-90"))
    assert list(Pep.objects.values_list("public_key", flat=True)) == [None, None]
    assert "[Peer]" not in client_file(laptop).text


def test_what_an_admin_confirms_of_a_peps_host_is_written_down_without_its_comment(admin, url, pep, dave):
    key = factories.an_ssh_key("pep-1")
    same = {"public_key": pep.public_key, "prefix_v4": pep.prefix_v4, "prefix_v6": pep.prefix_v6}
    admin.post(url("pep_change", pep.pk), a_pep_form(**same, ssh_host="PEP-1.example.com", ssh_port="2222", ssh_host_key=f"{key} root@pep"))
    pep.refresh_from_db()
    assert (pep.ssh_host, pep.ssh_port, pep.ssh_host_key) == ("pep-1.example.com", 2222, key)
    event = AuditEvent.objects.get(verb="pep.changed", subject_id=pep.pk)
    assert (event.actor_id, event.data["ssh_host_key"]) == (dave.pk, key)
    assert f"Confirmed: {ssh_keys.fingerprint(key)}." in admin.get(url("pep_change", pep.pk)).text


def test_the_list_of_peps_says_what_is_wrong_with_one(admin, url, pep):
    PepStatus.objects.create(pep=pep, busy_until=factories.NOW, due_at=factories.NOW, error="pep-1 did not answer within 15 s")
    assert "pep-1 did not answer within 15 s" in admin.get(url("pep_changelist")).text


def test_saving_a_pep_unchanged_changes_and_tells_nothing(admin, url, everything):
    admin.post(url("pep_add"), a_pep_form())
    before = everything()
    admin.post(url("pep_change", Pep.objects.get().pk), a_pep_form())
    assert everything() == before


BAD_PEPS = [
    ("name", "PEP 9", "begin with a letter"),
    ("name", "pep;flush", "begin with a letter"),
    ("endpoint_host", "vpn example", "host name or an address"),
    ("endpoint_host", "$(id)", "host name or an address"),
    ("endpoint_host", "a..b", "This is not a host name."),
    ("endpoint_host", "10.0.0.256", "This is not an IPv4 address."),
    ("endpoint_host", "vpn:51820", "Write an address"),
    ("endpoint_host", "192.168.89.10", "Fileshare leads to this address"),
    ("endpoint_host", "FD00:89:0::A", "Fileshare leads to this address"),
    ("endpoint_port", "0", "from 1 to 65535"),
    ("endpoint_port", "65536", "from 1 to 65535"),
    ("public_key", "A" * 43 + "=", "This key protects nothing"),
    ("public_key", "not a key", "This is not a WireGuard public key"),
    ("public_key", "A" * 100, "at most 44 characters"),
    ("ssh_host", "-oProxyCommand=id", "This is not a host name."),
    ("ssh_host", "pep example", "host name or an address"),
    ("ssh_host", "10.0.0.256", "This is not an IPv4 address."),
    ("ssh_host", "192.168.89.10", "Fileshare leads to this address"),
    ("ssh_port", "0", "from 1 to 65535"),
    ("ssh_host_key", "ssh-rsa AAAA", "This is not an SSH public key of the kind ssh-ed25519"),
    ("ssh_host_key", "x" * 501, "at most 500 characters"),
    ("prefix_v4", "10.89.90.7/24", "The network is 10.89.90.0/24."),
    ("prefix_v4", "10.89.90.0", "Write an IPv4 network with its length"),
    ("prefix_v4", "0.0.0.0/0", "Use a length from /20 to /29."),
    ("prefix_v4", "10.89.90.0/31", "Use a length from /20 to /29."),
    ("prefix_v4", "10.90.0.0/24", "It must lie within the overlay: 10.89.0.0/16."),
    ("prefix_v4", "10.89.1.0/24", "It overlaps the addresses of devices (10.89.0.0/18)."),
    ("prefix_v4", "10.89.65.0/25", "It overlaps the prefix of pep-1 (10.89.65.0/24)."),
    ("prefix_v4", "10.89.64.0/23", "It overlaps the prefix of pep-1 (10.89.65.0/24)."),
    ("prefix_v4", "fd89:0:0:9::/64", "Write an IPv4 network"),
    ("prefix_v4", "ten", "This is not an IPv4 network."),
    ("prefix_v6", "fd89::/64", "It overlaps the addresses of devices (fd89::/64)."),
    ("prefix_v6", "fd88:0:0:9::/64", "It must lie within the overlay"),
    ("prefix_v6", "fd89:0:0:1::/96", "It overlaps the prefix of pep-1"),
    ("prefix_v6", "10.89.91.0/24", "Write an IPv6 network"),
    ("lease_seconds", "28800", "Say the unit too"),
    ("lease_seconds", "-1 h", "Write how long as a whole number and a unit"),
]


@pytest.mark.parametrize(("field", "text", "sentence"), BAD_PEPS)
def test_a_bad_pep_is_refused_at_its_field(field, text, sentence, fileshare):
    assert sentence in str(PepForm(a_pep_form(**{field: text})).errors[field])


def test_a_refused_pep_is_not_saved(admin, pep, url, everything, words):
    before = everything()
    response = admin.post(url("pep_add"), a_pep_form(prefix_v4="10.90.0.0/24"))
    assert "It must lie within the overlay: 10.89.0.0/16." in words(response)
    assert everything() == before


def test_a_key_that_a_device_has_is_no_peps(laptop):
    assert "it is in use, or was once" in str(PepForm(a_pep_form(public_key=laptop.public_key)).errors["public_key"])


def test_a_prefix_with_resources_in_it_stays(admin, fileshare, pep, url):
    same = {"name": pep.name, "public_key": pep.public_key, "prefix_v6": pep.prefix_v6, "endpoint_host": pep.endpoint_host}
    response = admin.post(url("pep_change", pep.pk), a_pep_form(**same, prefix_v4="10.89.91.0/24"))
    assert "it stays as it is" in str(response.context["adminform"].form.errors["prefix_v4"])


def test_the_name_of_a_pep_is_fixed(admin, pep, url):
    same = {"public_key": pep.public_key, "prefix_v4": pep.prefix_v4, "prefix_v6": pep.prefix_v6}
    admin.post(url("pep_change", pep.pk), a_pep_form(**same, name="other", endpoint_host="new.example.com"))
    pep.refresh_from_db()
    assert (pep.name, pep.endpoint_host) == ("pep-1", "new.example.com")


def test_an_admin_makes_a_resource_and_gets_the_next_free_addresses(admin, fileshare, pep, policy, url, dave):
    response = admin.post(url("resource_add"), a_resource_form(policy, pep, target_v6="fd12::77"))
    assert response.status_code == 302
    placement = Placement.objects.get(resource__slug="wiki")
    assert (placement.overlay_v4, placement.overlay_v6) == ("10.89.65.2", "fd89:0:0:1::2")
    assert [str(port) for port in placement.resource.ports.all()] == ["tcp 443"]
    told = AuditEvent.objects.filter(actor_id=dave.pk).exclude(verb="user.signed_in").order_by("seq")
    assert [event.verb for event in told] == ["resource.added", "resourceport.added", "placement.added"]


def test_a_family_without_a_target_gets_no_address(admin, pep, policy, url):
    admin.post(url("resource_add"), a_resource_form(policy, pep, overlay_v6="fd89:0:0:1::9"))
    placement = Placement.objects.get()
    assert (placement.overlay_v4, placement.overlay_v6, placement.target_v6) == ("10.89.65.2", None, None)


def test_a_resource_on_the_pep_itself_leads_to_its_own_address(admin, pep, policy, url):
    admin.post(url("resource_add"), a_resource_form(policy, pep, target_v4="", is_on_pep="on"))
    placement = Placement.objects.get()
    assert (placement.target_v4, placement.target_v6) == ("10.89.65.1", "fd89:0:0:1::1")


@pytest.mark.parametrize("slug", ["accept", "table"])
def test_a_slug_may_be_a_word_of_the_firewalls_language(slug, admin, pep, policy, url):
    assert admin.post(url("resource_add"), a_resource_form(policy, pep, slug=slug)).status_code == 302
    assert Resource.objects.get().slug == slug


BAD_RESOURCES = [
    ("slug", "Wiki", "begin with a letter"),
    ("slug", "wiki; accept", "begin with a letter"),
    ("slug", "a" * 32, "at most 31 characters"),
    ("name", "Wi\nki", "characters in it that do not print"),
    ("name", "Wi\rki", "characters in it that do not print"),
    ("name", "Wi\x00ki", "Null characters are not allowed"),
    ("name", "W" * 129, "at most 80 characters"),
    ("name", "W" * 10_000, "at most 80 characters"),
    ("name", "\u202eikiW", "characters in it that do not print"),
    ("name", "fileshare", "There is a resource of this name already."),
    ("policy", "99", "Select a valid choice"),
]


@pytest.mark.parametrize(("field", "text", "sentence"), BAD_RESOURCES)
def test_a_bad_resource_is_refused_at_its_field(field, text, sentence, fileshare, pep, policy):
    assert sentence in str(ResourceForm(a_resource_form(policy, pep, **{field: text})).errors[field])


BAD_TARGETS = [
    ("target_v4", "0.0.0.0/0", "Write one address: no network"),
    ("target_v4", "10.0.0.5/24", "Write one address: no network"),
    ("target_v4", "10.0.0.256", "This is not an IPv4 address."),
    ("target_v4", "localhost", "a PEP looks no names up"),
    ("target_v4", "wiki.example.com", "a PEP looks no names up"),
    ("target_v4", "10.0.0.1, 10.0.0.2", "Write one address"),
    ("target_v4", "10.31", "This is not an IPv4 address."),
    ("target_v4", "0x0a00001f", "Write an address"),
    ("target_v4", "010.0.0.1", "This is not an IPv4 address."),
    ("target_v4", "10.0.0.1; accept", "Write one address"),
    ("target_v4", "$(id)", "Write an address"),
    ("target_v4", "\u0661\u0660.0.0.1", "This is not an IPv4 address."),
    ("target_v4", "fd12::1", "here goes IPv4"),
    ("target_v4", "0.0.0.0", "means “any”"),  # noqa: S104 - refused
    ("target_v4", "127.0.0.1", "A loopback address"),
    ("target_v4", "169.254.169.254", "Cloud metadata"),
    ("target_v4", "169.254.3.4", "A link-local address"),
    ("target_v4", "224.0.0.1", "A multicast address"),
    ("target_v4", "255.255.255.255", "A broadcast address"),
    ("target_v4", "240.0.0.1", "This address is reserved"),
    ("target_v4", "10.89.0.5", "Overlay addresses cannot be targets."),
    ("target_v4", "10.89.65.1", "Overlay addresses cannot be targets."),
    ("target_v4", "10.89.0.0", "Overlay addresses cannot be targets."),
    ("target_v4", "10.89.66.1", "Overlay addresses cannot be targets."),
    ("target_v4", "198.51.100.9", "where a PEP is reached from outside"),
    ("target_v4", "192.168.89.10", "Fileshare leads there already, on tcp 445."),
    ("target_v4", "", "Say where it leads"),
    ("target_v4", "1" * 60, "at most 45 characters"),
    ("target_v6", "::ffff:10.0.0.1", "IPv6 clothes"),
    ("target_v6", "fe80::1%eth0", "without a zone"),
    ("target_v6", "fe80::1", "A link-local address"),
    ("target_v6", "::1", "A loopback address"),
    ("target_v6", "::", "means “any”"),
    ("target_v6", "ff02::1", "A multicast address"),
    ("target_v6", "fd00:ec2::254", "Cloud metadata"),
    ("target_v6", "64:ff9b::a00:1", "stands for another one"),
    ("target_v6", "2002:a00:1::", "stands for another one"),
    ("target_v6", "fd89::7", "Overlay addresses cannot be targets."),
    ("target_v6", "fd89:0:0:1::1", "Overlay addresses cannot be targets."),
    ("target_v6", "2001:DB8:0:0::9", "where a PEP is reached from outside"),
    ("target_v6", "10.0.0.1", "here goes IPv6"),
    ("overlay_v4", "10.89.66.4", "within the PEP's prefix, 10.89.65.0/24"),
    ("overlay_v4", "10.89.65.1", "the PEP's own, or the network's"),
    ("overlay_v4", "10.89.65.0", "the PEP's own, or the network's"),
    ("overlay_v4", "10.89.65.255", "the PEP's own, or the network's"),
    ("overlay_v4", "10.89.65.10", "Another resource has this address."),
    ("pep", "99", "Select a valid choice"),
]


def test_each_bad_placement_is_refused_at_its_field(admin, fileshare, policy, url, everything):
    pep = fileshare.placements.get().pep
    Pep.objects.update(endpoint_host="198.51.100.9")
    factories.a_pep(2, endpoint_host="2001:db8::9")
    before, form = everything(), a_resource_form(policy, pep, ports=[("tcp", "445", "")])
    for at, (field, text, _sentence) in enumerate(BAD_TARGETS):
        row = {"pep": pep.pk, "target_v4": "192.168.89.77", "target_v6": "", "overlay_v4": "", "overlay_v6": "", field: text}
        form |= {f"placements-{at}-{name}": value for name, value in row.items()}
    response = admin.post(url("resource_add"), {**form, "placements-TOTAL_FORMS": len(BAD_TARGETS)})
    errors = [each.get_json_data() for each in response.context["inline_admin_formsets"][1].formset.errors]
    said = [
        (field, text, " ".join(each["message"] for each in row.get(field, [])))
        for row, (field, text, _) in zip(errors, BAD_TARGETS, strict=True)
    ]
    assert [(field, text) for (field, text, words), (_f, _t, wanted) in zip(said, BAD_TARGETS, strict=True) if wanted not in words] == []
    assert "onstraint" not in str(errors)
    assert everything() == before


BAD_PORTS = [
    (("tcp", "0", ""), "first", "A port is a whole number from 1 to 65535."),
    (("tcp", "65536", ""), "first", "A port is a whole number from 1 to 65535."),
    (("tcp", "-1", ""), "first", "A port is a whole number from 1 to 65535."),
    (("tcp", "80;", ""), "first", "A port is a whole number from 1 to 65535."),
    (("tcp", "\u0668\u0660", ""), "first", "A port is a whole number from 1 to 65535."),
    (("tcp", "1e3", ""), "first", "A port is a whole number from 1 to 65535."),
    (("tcp", "90", "80"), "last", "The range runs backwards."),
    (("tcp", "90", "70000"), "last", "A port is a whole number from 1 to 65535."),
    (("tcp; accept", "80", ""), "protocol", "Choose TCP or UDP."),
    (("icmp", "80", ""), "protocol", "Choose TCP or UDP."),
    (("", "80", ""), "protocol", "required"),
]


def test_each_bad_port_is_refused_at_its_field(admin, pep, policy, url):
    response = admin.post(url("resource_add"), a_resource_form(policy, pep, ports=[row for row, _field, _sentence in BAD_PORTS]))
    errors = response.context["inline_admin_formsets"][0].formset.errors
    missed = [row for (row, field, sentence), said in zip(BAD_PORTS, errors, strict=True) if sentence not in str(said.get(field))]
    assert missed == []
    assert not Resource.objects.exists()


def test_a_port_named_twice_is_refused(admin, pep, policy, url):
    response = admin.post(url("resource_add"), a_resource_form(policy, pep, ports=[("tcp", "80", "90"), ("tcp", "85", "")]))
    assert "It is named twice: tcp 85." in str(response.context["inline_admin_formsets"][0].formset.errors[1])


def test_a_resource_without_ports_is_refused(admin, pep, policy, url):
    response = admin.post(url("resource_add"), a_resource_form(policy, pep, ports=[("", "", "")]))
    assert "Name at least one port" in str(response.context["inline_admin_formsets"][0].formset.non_form_errors())


def test_closing_a_port_is_written_down_and_the_slug_stays(admin, fileshare, url):
    ports, placement = list(fileshare.ports.all()), fileshare.placements.get()
    form = a_resource_form(fileshare.policy, placement.pep, ports=[(port.protocol, port.first, port.last) for port in ports], slug="other")
    form |= {"ports-INITIAL_FORMS": 2, "placements-INITIAL_FORMS": 1, "placements-0-id": placement.pk, "ports-0-DELETE": "on"}
    form |= {f"ports-{at}-id": port.pk for at, port in enumerate(ports)}
    form |= {f"placements-0-{name}": getattr(placement, name) for name in ("target_v4", "target_v6", "overlay_v4", "overlay_v6")}
    assert admin.post(url("resource_change", fileshare.pk), {**form, "name": fileshare.name}).status_code == 302
    fileshare.refresh_from_db()
    assert fileshare.slug == "fileshare"
    assert [str(port) for port in fileshare.ports.all()] == ["tcp 445"]
    assert AuditEvent.objects.order_by("-seq").first().verb == "resourceport.removed"


def test_a_retired_resource_is_only_history(admin, fileshare, asked, url, told):
    response = admin.post(url("resource_retire", fileshare.pk), {}, follow=True)
    assert told(response)[0].startswith("Fileshare: Retired.")
    asked.refresh_from_db()
    assert asked.state == "withdrawn"
    assert admin.post(url("resource_change", fileshare.pk), {"name": "x"}).status_code == 403
    assert admin.post(url("resource_retire", fileshare.pk), {}).status_code == 409


def test_saving_tells_the_peps_concerned(admin, fileshare, pep, url, django_capture_on_commit_callbacks):
    heard = []
    access_changed.connect(heard_by := lambda pep_ids, **_rest: heard.append(pep_ids), weak=False)
    with django_capture_on_commit_callbacks(execute=True):
        admin.post(url("resource_retire", fileshare.pk), {})
    access_changed.disconnect(heard_by)
    assert frozenset({pep.pk}) in heard


def test_ports_are_never_left_behind_by_a_refused_save(admin, pep, policy, url):
    admin.post(url("resource_add"), a_resource_form(policy, pep, target_v4="127.0.0.1"))
    assert not ResourcePort.objects.exists()
