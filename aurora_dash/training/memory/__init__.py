"""How much memory a training step will take, told before anything is launched, without a GPU."""
