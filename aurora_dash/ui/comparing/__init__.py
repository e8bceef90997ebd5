"""The Compare page: any number of runs beside each other, the whole view in the URL."""
