"""Addresses of the pages that people use to enrol, to ask and to look."""

from django.urls import path
from django.views.generic import RedirectView

pattern = RedirectView.as_view(pattern_name="home")
urlpatterns = [
    path("devices/", pattern, name="devices"),
    path("resources/", pattern, name="resources"),
    path("requests/", pattern, name="requests"),
]
