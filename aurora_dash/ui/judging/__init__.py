"""The Evaluate & maps page: ask for an evaluation, follow it, read its scores, see its maps."""
