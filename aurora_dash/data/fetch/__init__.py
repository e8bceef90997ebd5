"""Fetching data sets: ERA5 and CAMS from their stores, ARCO-ERA5 and WeatherBench 2 by Zarr.

`plan` says what would be asked and how large it is, `run` brings it, and goes on where a run that
was stopped or killed left off.
"""
