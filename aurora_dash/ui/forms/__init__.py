"""Forms over the draft's spec, one module a page."""
