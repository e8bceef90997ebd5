"""Aurora Dash: fine-tune the Aurora weather model, watch it live, judge the result."""

__version__ = "0.1.0"
