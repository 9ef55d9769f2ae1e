"""A middleware of the tests: every form of ours that a page shows and that changes something carries its CSRF token.

Django's test client does not ask for the token, so a form without one works in tests and answers 403 to every person.
"""

import re

A_FORM = re.compile(r"<form\b[^>]*\bmethod=[\"']?post\b[^>]*>.*?</form>", re.IGNORECASE | re.DOTALL)


class FormWithoutTokenError(AssertionError):
    """A page has a form that nobody could send."""


def forms_carry_their_token(answer):
    """Wrap `answer`, Django's way to a response, and raise where a page that it gives has such a form."""

    def look(request):
        response = answer(request)
        if not response.streaming and response.get("Content-Type", "").startswith("text/html"):
            for form in A_FORM.findall(response.text):
                if "csrfmiddlewaretoken" not in form:
                    raise FormWithoutTokenError(f"{request.path}: {form[:300]}")
        return response

    return look
