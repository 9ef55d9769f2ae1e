"""Addresses of the pages that people use to enrol, to ask and to look."""

from django.urls import path

from enrollment.views import asking, bundles, devices, emergencies, enrolment, handovers, phone, requests, resources

urlpatterns = [
    path("devices/", devices.devices, name="devices"),
    path("devices/new/", enrolment.device_new, name="device-new"),
    path("devices/<int:pk>/", devices.device, name="device"),
    path("devices/<int:pk>/key/", enrolment.device_key, name="device-key"),
    path("devices/<int:pk>/retire/", devices.device_retire, name="device-retire"),
    path("devices/<int:pk>/lost/", devices.device_lost, name="device-lost"),
    path("devices/<int:pk>/suspend/", devices.device_suspend, name="device-suspend"),
    path("devices/<int:pk>/resume/", devices.device_resume, name="device-resume"),
    path("handovers/", handovers.handover_new, name="handover-new"),
    path("handovers/<int:pk>/", handovers.handover, name="handover"),
    path("handovers/<int:pk>/confirm/", handovers.handover_confirm, name="handover-confirm"),
    path("handovers/<int:pk>/refuse/", handovers.handover_refuse, name="handover-refuse"),
    path("phone/", phone.phone, name="phone"),
    path("phone/key/", phone.phone_key, name="phone-key"),
    path("resources/", resources.resources, name="resources"),
    path("resources/<slug:slug>/request/", asking.request_new, name="request-new"),
    path("resources/<slug:slug>/emergency/", emergencies.emergency_new, name="emergency-new"),
    path("requests/", requests.requests, name="requests"),
    path("requests/new/", bundles.bundle_new, name="bundle-new"),
    path("requests/<int:pk>/", requests.request_page, name="request"),
    path("requests/<int:pk>/cancel/", requests.request_cancel, name="request-cancel"),
    path("requests/<int:pk>/remind/", requests.request_remind, name="request-remind"),
    path("grants/<int:pk>/end/", requests.grant_end, name="grant-end"),
]
