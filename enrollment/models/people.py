"""Who somebody is: an account keyed by (issuer, subject), and each proof of it."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, Group, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from enrollment.sentences import say, spoken


def username_for(issuer: str, subject: str) -> str:
    """Return a stable, opaque name for (issuer, subject): neither e-mail nor preferred_username may identify (O4)."""
    return hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:32]


class UserManager(BaseUserManager["User"]):
    """Makes accounts without a password: nobody signs in here but by the identity provider."""

    def create_user(self, issuer: str, subject: str, **fields: Any) -> User:
        """Make an account; the password can never match."""
        user = self.model(issuer=issuer, subject=subject, username=username_for(issuer, subject), **fields)
        user.set_unusable_password()
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A subject. E-mail and name are for display and mail; they never identify and never link."""

    username = models.CharField(max_length=64, unique=True, editable=False)
    issuer = models.CharField(max_length=255, editable=False)
    subject = models.CharField(max_length=255, editable=False)
    name = models.CharField(_("name"), max_length=150, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)  # empty: not known
    chose_language = models.BooleanField(_("chose their language"), default=False)  # else it is what a browser or the directory said
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("may open the admin"), default=False)
    is_auditor = models.BooleanField(_("auditor"), default=False)
    joined_at = models.DateTimeField(auto_now_add=True)
    left_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_by_source = models.CharField(max_length=32, blank=True, editable=False)  # what may enable it again; empty: people alone
    groups = models.ManyToManyField(  # type: ignore[assignment]  # the same, through a table that says since when and who says so
        Group, through="Membership", related_name="users", related_query_name="user", blank=True
    )

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="user_once_per_subject"),
            models.CheckConstraint(condition=Q(is_active=False) | Q(disabled_by_source=""), name="user_source_while_disabled"),
        ]

    def __str__(self) -> str:
        return self.name or self.email or say("user {pk}", pk=self.pk)

    def get_full_name(self) -> str:
        """Return what the admin greets with."""
        return str(self)

    def get_short_name(self) -> str:
        """Return the first word of the name."""
        return str(self).split(" ", 1)[0]

    @property
    def speaks(self) -> str:
        """Return the language that is written to them: theirs, or the site's where that is not known, or not spoken any more."""
        return self.language if self.language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE

    @property
    def is_admin(self) -> bool:
        """Admins keep resources, policies and PEPs. They decide nothing unless a policy names a group of theirs."""
        return self.is_active and self.is_superuser


class Membership(models.Model):
    """That somebody belongs to a group, since when, and who says so."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    source = models.CharField(max_length=32)  # "oidc": replaced at every sign-in; "scim": by the directory; anything else is left alone
    since = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "group"], name="membership_once")]

    def __str__(self) -> str:
        return spoken(say("{user} in {group}", user=self.user, group=self.group))


class IdentityProof(models.Model):
    """One sign-in: when the provider says the person proved who they are, and how."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="proofs")
    auth_time = models.DateTimeField()
    acr = models.CharField(max_length=255, blank=True)
    amr = models.JSONField(default=list, blank=True)
    is_mfa = models.BooleanField(default=False)  # as the settings read acr and amr on that day
    sid = models.CharField(max_length=255, blank=True, db_index=True)
    browser = models.ForeignKey("BrowserSession", null=True, blank=True, on_delete=models.PROTECT, related_name="proofs")
    recorded_at = models.DateTimeField()
    signed_out_at = models.DateTimeField(null=True, blank=True)  # it counts no longer where terms end with that
    withdrawn_at = models.DateTimeField(null=True, blank=True)  # it counts no longer anywhere

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "-auth_time"], name="proof_latest")]

    def __str__(self) -> str:
        return f"{self.user}, {self.auth_time:%Y-%m-%d %H:%M:%SZ}"
