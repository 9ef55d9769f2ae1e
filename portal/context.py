"""What the navigation on every page asks for. Asked only by pages that show it."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from enrollment import clock, facts
from enrollment.models import User
from enrollment.views.pauses import pauses


def navigation(request: HttpRequest) -> dict[str, object]:
    """Tell whether the admin is open to whoever looks, which access of theirs pauses for want of a fresh sign-in, and as of when."""
    user = getattr(request, "user", None)
    return {
        "as_of": SimpleLazyObject(lambda: clock.of(request)),
        "opens_admin": SimpleLazyObject(lambda: isinstance(user, User) and facts.opens_admin(user, clock.of(request))),
        "pauses": SimpleLazyObject(lambda: pauses(user, clock.of(request)) if isinstance(user, User) else ()),
    }
