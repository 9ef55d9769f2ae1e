"""Every address of the portal."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from portal import language, metrics, views

handler400 = "portal.views.bad_request"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("", include("enrollment.urls")),
    path("accounts/", include("portal.oidc.urls")),
    path("scim/v2/", include("portal.scim.urls")),
    path("admin/", admin.site.urls),
    path("language/", language.choose, name="set_language"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
