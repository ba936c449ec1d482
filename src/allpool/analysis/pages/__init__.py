"""The static page and its figures."""
