"""What people may send. A field that is not declared here is not read, so it changes nothing."""

from enrollment.forms.access import BundleForm, EmergencyForm, EndForm, RequestForm, SearchForm
from enrollment.forms.devices import EnrolForm, KeyForm, NameForm, Way

__all__ = ["BundleForm", "EmergencyForm", "EndForm", "EnrolForm", "KeyForm", "NameForm", "RequestForm", "SearchForm", "Way"]
