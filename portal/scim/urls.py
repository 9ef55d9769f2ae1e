"""The addresses of SCIM 2.0, without a slash at their end."""

from django.urls import path

from portal.scim import about, groups, users
from portal.scim.door import methods

urlpatterns = [
    path("ServiceProviderConfig", methods(GET=about.config)),
    path("ResourceTypes", methods(GET=about.resource_types)),
    path("ResourceTypes/<str:kind>", methods(GET=about.resource_type)),
    path("Schemas", methods(GET=about.schemas)),
    path("Schemas/<str:urn>", methods(GET=about.schema)),
    path("Users", methods(GET=users.listed, POST=users.made)),
    path("Users/<str:identifier>", methods(GET=users.one, PUT=users.put, PATCH=users.patched, DELETE=users.deleted)),
    path("Groups", methods(GET=groups.listed, POST=groups.made)),
    path("Groups/<str:identifier>", methods(GET=groups.one, PUT=groups.put, PATCH=groups.patched, DELETE=groups.deleted)),
]
