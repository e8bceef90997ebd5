"""Rules that watch a training's records and say when something looks wrong. Free of torch."""
