"""What looks at pages sees what is wrong with them: each fault is planted on a page of ours, in a browser like everybody's."""

import pytest

from tests.e2e.looks import check_looks

INLINE = {
    "script": "const it = document.createElement('script'); it.textContent = 'window.planted = 1'; document.body.append(it)",
    "style": "document.body.setAttribute('style', 'color: red')",
    "img": "document.body.append(Object.assign(new Image(), {src: 'https://elsewhere.example/x.png', alt: ''}))",
}
FAULTS = {
    "image-alt": "document.querySelector('main').append(Object.assign(new Image(), {src: '/static/img/logo.svg'}))",
    "color-contrast": "document.querySelector('main p').style.color = '#999'",
    "wider than the screen": "document.querySelector('main').style.minWidth = '2000px'",
}


@pytest.mark.parametrize("what", INLINE)
def test_a_breach_of_the_csp_is_noticed_in_whatever_context(browser, site, breaches, what):
    page = browser.new_context(base_url=site.url).new_page()
    page.goto("/")
    page.evaluate(INLINE[what])
    for _ in range(100):
        if breaches:
            break
        page.wait_for_timeout(50)
    seen = [*breaches]
    breaches.clear()
    assert page.evaluate("window.planted") is None
    browser.close(page.context)
    assert [f"{what}-src" in each and site.url in each for each in seen] == [True]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_page_that_somebody_cannot_read_is_noticed(visitor, fault):
    page = visitor()
    page.goto("/")
    page.evaluate(FAULTS[fault])
    with pytest.raises(AssertionError, match=fault):
        check_looks(page, "planted")
