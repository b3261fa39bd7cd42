"""HTML templates of the pages."""
