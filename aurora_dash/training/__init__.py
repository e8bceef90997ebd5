"""One fine-tuning run: loss, optimiser, loop, checkpoints, and the engine that owns its folder.

Nothing is imported here: the modules below import torch and aurora, which takes ten seconds.
"""
