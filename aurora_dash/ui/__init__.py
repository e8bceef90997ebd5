"""Everything of the pages that is not the pages: the only room, besides them, with streamlit."""
