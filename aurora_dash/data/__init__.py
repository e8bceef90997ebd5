"""Any weather data in, one canonical dataset, its checks, windows and batches out.

Nothing is imported here, so that a page that wants one of these modules pays only for that one.
"""
