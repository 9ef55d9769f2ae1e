"""Sign-in by OpenID Connect: one provider, pinned parameters, every claim checked, no other way in."""
