"""The id_token's signature, against the provider's published keys.

The standard lets a client skip this where TLS carried the token; we do not. Only
asymmetric algorithms are accepted: `none`, or a secret as a key, never.
"""

from typing import Any

import jwt
from jwt.types import Options

from enrollment.sentences import say
from portal.oidc.refusal import SignInRefused

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
# Times, issuer and audience are judged in claims.py, with words.
SIGNATURE_ONLY: Options = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
}


def verified(id_token: object, keys: dict[str, Any]) -> dict[str, Any]:
    """Return the claims, or raise SignInRefused."""
    if not isinstance(id_token, str):
        raise SignInRefused(say("The identity provider did not say who you are."), hint="no id_token")
    try:
        header = jwt.get_unverified_header(id_token)
        if header.get("alg") not in ALGORITHMS:
            raise SignInRefused(say("The identity provider's answer is not signed in a way we accept."), hint=f"alg {header.get('alg')!r}")
        key = _key(keys, header.get("kid"), header["alg"])
        claims: dict[str, Any] = jwt.decode(id_token, key=key.key, algorithms=[header["alg"]], options=SIGNATURE_ONLY)
    except (jwt.PyJWTError, AttributeError, TypeError, ValueError) as error:
        raise SignInRefused(
            say("The identity provider's answer is not signed by the identity provider."), hint=f"{type(error).__name__}: {error}"
        ) from error
    return claims


def _key(keys: dict[str, Any], kid: str | None, algorithm: str) -> jwt.PyJWK:
    declared = {jwk.get("kid"): jwk.get("alg") for jwk in keys.get("keys", ())}
    published = [key for key in jwt.PyJWKSet.from_dict(keys).keys if key.key_type != "oct" and key.public_key_use in {None, "sig"}]
    matching = [key for key in published if (not kid or key.key_id == kid) and declared.get(key.key_id) in {None, algorithm}]
    if len(matching) != 1:
        raise SignInRefused(
            say("The identity provider's answer is not signed by the identity provider."),
            hint=f"{len(matching)} published keys match kid {kid!r}",
        )
    return matching[0]
