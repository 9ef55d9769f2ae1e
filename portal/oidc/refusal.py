"""Why somebody was not signed in: one sentence, the same on the page and in the log.

It is an OAuth2Error, so allauth turns it into the error page wherever it is raised.
The sentence must be ours and name no secret: `hint` is for the log alone.
"""

from allauth.socialaccount.providers.oauth2.client import OAuth2Error


class SignInRefused(OAuth2Error):  # noqa: N818 - a refusal is an answer
    """Nobody was signed in; the message is for the person who tried."""

    def __init__(self, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
