"""Training on forecasts of several steps: one's own predictions become inputs."""
