"""The run folder: where a run's spec, state, metrics and checkpoints live, and who may write."""
