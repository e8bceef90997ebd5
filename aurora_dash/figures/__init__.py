"""Charts and maps: arrays in, figures out. No streamlit, no torch, no internet."""
