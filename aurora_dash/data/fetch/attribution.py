"""What each source's licence asks to be said beside its data."""

from __future__ import annotations

C3S = (
    "Contains modified Copernicus Climate Change Service information {years}. Neither the European "
    "Commission nor ECMWF is responsible for any use that may be made of the Copernicus "
    "information or data it contains.\n"
    "Licence: CC BY 4.0.\n"
    "Hersbach, H. et al.: ERA5 hourly data on single levels and on pressure levels from 1940 to "
    "present. Copernicus Climate Change Service (C3S) Climate Data Store (CDS), "
    "doi:10.24381/cds.adbb2d47, doi:10.24381/cds.bd0915c6.\n"
)
CAMS = (
    "Contains modified Copernicus Atmosphere Monitoring Service information {years}. Neither the "
    "European Commission nor ECMWF is responsible for any use that may be made of the Copernicus "
    "information or data it contains.\n"
    "Licence: CC BY 4.0.\n"
    "CAMS global atmospheric composition forecasts, Copernicus Atmosphere Monitoring Service "
    "(CAMS) Atmosphere Data Store (ADS), doi:10.24381/04a0b097.\n"
)
ARCO = (
    "By way of ARCO-ERA5: Carver, R. W. and Merose, A.: ARCO-ERA5: An Analysis-Ready "
    "Cloud-Optimized Reanalysis Dataset (2023), github.com/google-research/arco-era5.\n"
)
WB2 = (
    "By way of WeatherBench 2: Rasp, S. et al.: WeatherBench 2: A benchmark for the next "
    "generation of data-driven global weather models (2023), arXiv:2308.15560.\n"
)
HRES = (
    "Contains ECMWF HRES analyses (t = 0 of the high-resolution forecast) {years}, copyright "
    "European Centre for Medium-Range Weather Forecasts (ECMWF), www.ecmwf.int.\n"
    "Licence: CC BY 4.0 and the ECMWF Terms of Use.\n"
    "ECMWF does not accept any liability whatsoever for any error or omission in the data.\n"
)
