"""Judging a checkpoint: rollout, scores against persistence and against where it started."""
