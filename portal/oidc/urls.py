"""Signing in and out: every address there is. None of allauth's own are included, so none can surprise."""

from allauth.account.views import account_inactive
from allauth.socialaccount.views import login_cancelled
from django.urls import path

from portal.oidc import backchannel, views

urlpatterns = [
    path("login/", views.to_sign_in, name="account_login"),
    path("logout/", views.sign_out, name="account_logout"),
    path("signed-out/", views.signed_out, name="signed_out"),
    path("inactive/", account_inactive, name="account_inactive"),
    path("cancelled/", login_cancelled, name="socialaccount_login_cancelled"),
    path("oidc/login/", views.sign_in, name="oidc_login"),
    path("oidc/login/callback/", views.callback, name="oidc_callback"),
    path("oidc/logout/", backchannel.receive, name="oidc_backchannel_logout"),
]
