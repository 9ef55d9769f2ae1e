"""What tests of pages read in them."""

import re


def without_token(page):
    """Return the page's text but for what is another one each time it is asked for."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page.text)
