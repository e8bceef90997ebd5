"""Training stores: data prepared once, read at the speed of the disk."""
