"""A centre's own check of its files, without a store: what waits, on the terminal and as a page."""
