"""What tests of pages read in them."""

import re

ALWAYS_ANOTHER = re.compile(r'name="csrfmiddlewaretoken" value="\w+"|name="next" value="[^"]*"')


def without_token(page):
    """Return the page's text but for its token, and the address to come back to, which whoever asks knows."""
    return ALWAYS_ANOTHER.sub("", page.text)
