"""Maps as rasters for the browser's canvas: whole numbers of two bytes, cut, projected, packed."""
