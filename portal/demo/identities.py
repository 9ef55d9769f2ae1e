"""Who exists at the demo's provider, and what it says about them.

`prepare` makes the database, the people and the portal's client; running it again changes
nothing but what differs. The subject follows from the username, so people stay the same
to the portal when the provider's database is made anew.
"""

from collections.abc import Iterable
from typing import Any, Literal

from allauth.account.models import EmailAddress
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from portal.demo.cast import PEOPLE, DemoPerson


class DemoAdapter(DefaultOIDCAdapter):
    """What this provider says beyond allauth's own: a stable subject, groups, and when somebody last signed in."""

    def get_user_sub(self, client: Any, user: AbstractBaseUser) -> str:  # noqa: ANN401 - allauth has no types
        return f"demo-{user.get_username()}"

    def get_user_by_sub(self, client: Any, sub: str) -> AbstractBaseUser | None:  # noqa: ANN401
        return get_user_model().objects.filter(username=sub.removeprefix("demo-"), is_active=True).first()

    def get_claims(
        self,
        purpose: Literal["id_token", "userinfo"],
        user: AbstractBaseUser,
        client: Any,  # noqa: ANN401
        scopes: Iterable[str],
        email: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        claims: dict[str, Any] = super().get_claims(purpose, user, client, scopes, email, **kwargs)
        claims["groups"] = sorted(User.objects.get(pk=user.pk).groups.values_list("name", flat=True))
        if purpose == "id_token" and user.last_login:
            claims["auth_time"] = int(user.last_login.timestamp())
        return claims


def prepare(*, client_id: str, client_secret: str, redirect_uri: str, signed_out_uri: str) -> None:
    """Migrate, make the people, register the portal. Harmless to repeat."""
    from allauth.idp.oidc.models import Client  # noqa: PLC0415 - its table's defaults ask for this module's adapter

    call_command("migrate", verbosity=0)
    for person in PEOPLE:
        _keep(person)
    client = Client.objects.filter(pk=client_id).first() or Client(pk=client_id)
    client.name, client.skip_consent = "Lychgate", True
    client.set_secret(client_secret)
    client.set_scopes(["openid", "profile", "email"])
    client.set_redirect_uris([redirect_uri])
    client.set_post_logout_redirect_uris([signed_out_uri])
    client.save()


def _keep(person: DemoPerson) -> None:
    first, _, last = person.name.partition(" ")
    email = f"{person.username}@example.com"
    user, _ = User.objects.update_or_create(
        username=person.username, defaults={"first_name": first, "last_name": last, "email": email, "password": "!"}
    )
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in person.groups])
    EmailAddress.objects.update_or_create(user=user, email=email, defaults={"verified": True, "primary": True})
