"""Forms of the admin: a refusal is a sentence at its field, and what may happen is for the verbs."""
