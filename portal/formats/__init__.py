"""How instants are written, a module a language."""
