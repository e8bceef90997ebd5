"""The sections of docs/benchmarks.md, each from the result of one benchmark."""
