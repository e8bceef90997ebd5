"""Several processes that train one run: who takes which samples, and what all must agree on."""
