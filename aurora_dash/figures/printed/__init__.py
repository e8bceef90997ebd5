"""Maps for print: Cartopy's axes, with cells, lines and wind laid in the map's own coordinates."""
