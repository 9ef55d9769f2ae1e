"""What pages become while one works: reached by what people do there, as no address leads to it.

Each of MOMENTS takes the studio (tests/screenshots/studio.py) and the company, and leaves a page to photograph.
"""


def device_ready(studio, _company):
    """The file and the code for WireGuard, once: the private key was made in this browser and is shown nowhere again."""
    page = studio.page("alice")
    page.goto("/devices/new/")
    page.get_by_label("Name").fill("Travel laptop")
    page.get_by_role("button", name="Enrol", exact=True).click()
    page.get_by_role("heading", name="Travel laptop is enrolled").wait_for()
    return page


def phone_start(studio, _company):
    """A phone that opened a link of Alice's computer, without being signed in: it makes its key itself."""
    computer, phone = studio.page("alice"), studio.page("nobody")
    computer.goto("/devices/new/")
    computer.get_by_role("button", name="Show a link for my phone").click()
    computer.get_by_text("No camera?").click()
    phone.goto("/phone/")
    phone.get_by_label("Code").fill(computer.locator(".fingerprint").text_content())
    phone.get_by_role("button", name="Continue").click()
    phone.get_by_role("button", name="Make the key on this phone").wait_for()
    return phone


def request_waiting(studio, company):
    """A request before its answer: who can give it, by when, and a button to remind them."""
    page = studio.page("alice")
    page.goto(f"/requests/{company.waiting.pk}/")
    return page


def request_emergency(studio, company):
    """Emergency access while it lasts, which somebody has yet to review."""
    page = studio.page("erin")
    page.goto("/requests/")
    page.get_by_role("link", name="Gateway administration").first.click()
    page.get_by_text("nobody approved it").first.wait_for()
    return page


def answer_several(studio, company):
    """Approve or deny several on one page; each is judged by itself, and each outcome is told."""
    page = studio.page("bob")
    page.goto("/admin/enrollment/accessrequest/")
    for box in page.locator("input.action-select").all():
        box.check()
    page.locator("select[name=action]").first.select_option("approve")
    page.locator("button[name=index]").first.click()
    page.get_by_label("At most").first.wait_for()
    return page


def not_current(studio, _company):
    """A page that stays open while the portal does not answer: it says since when it is not current, and takes that back by itself."""
    page = studio.page("alice")
    page.goto("/")
    page.route("**/*", lambda route: route.abort())
    page.get_by_text("the portal does not answer").wait_for()
    return page


def not_there(studio, _company):
    """What is not there, or is somebody else's: the two are told alike."""
    page = studio.page("erin")
    page.goto("/requests/987654/")
    return page


MOMENTS = {
    "device-ready": device_ready,
    "phone-start": phone_start,
    "request-waiting": request_waiting,
    "request-emergency": request_emergency,
    "answer-several": answer_several,
    "not-current": not_current,
    "not-there": not_there,
}
