"""Django's admin without its passwords: one signs in by the identity provider, and nowhere else."""

from typing import Any, NoReturn

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from enrollment import clock, facts, glance
from enrollment.models import User
from portal.oidc import views


class Site(admin.AdminSite):
    """The admin that everything registers with."""

    site_header = "Lychgate"
    site_title = "Lychgate"
    index_title = _("Access")
    enable_nav_sidebar = False  # a dozen tables need no second menu, and lists need the room

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in whoever stands in for an approver, too, for as long as they do: asked anew with each page."""
        return isinstance(request.user, User) and facts.opens_admin(request.user, clock.of(request))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show whoever reads everything what there is to look at."""
        user = request.user
        sees = isinstance(user, User) and user.is_active and (user.is_admin or user.is_auditor)
        return super().index(request, {**({"glance": glance.look(clock.of(request))} if sees else {}), **(extra_context or {})})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return views.admin_sign_in(request)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]
        return views.sign_out(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> NoReturn:
        raise Http404

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> NoReturn:
        raise Http404
