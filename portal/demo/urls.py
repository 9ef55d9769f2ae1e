"""Every address of the demo's identity provider."""

from django.urls import include, path

from portal.demo.choose import choose

urlpatterns = [
    path("", choose, name="people"),
    path("sign-in/", choose, name="account_login"),
    path("sign-in/again/", choose, name="account_reauthenticate"),
    path("", include("allauth.idp.urls")),
]
