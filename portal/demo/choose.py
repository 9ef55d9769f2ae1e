"""The provider's one page: choose who you are. It asks for no password, as nobody here has one."""

from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.demo.cast import PEOPLE


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """Show the people; sign in as the one chosen and go on to where the portal sent us from."""
    following = request.GET.get("next", "")
    if request.method != "POST":
        return render(request, "demo/choose.html", {"people": PEOPLE, "following": following})
    user = get_object_or_404(get_user_model(), username=request.POST.get("username", ""), is_active=True)
    login(request, user)
    is_ours = url_has_allowed_host_and_scheme(following, allowed_hosts={request.get_host()})
    return HttpResponseRedirect(following if is_ours else resolve_url("people"))
