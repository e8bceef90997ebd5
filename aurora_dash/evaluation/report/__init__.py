"""An evaluation as a document that needs nothing else: one HTML file, or Markdown with pictures."""
