"""What maps and series show: fields of forecasts on disk, what came true, and their differences."""
