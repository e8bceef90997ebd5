"""From a spec to a model: built, normalised by its own statistics, loaded without executing files.

Nothing is imported here: the modules below import torch and aurora, which takes ten seconds.
"""
