"""Pages for a centre: one file each, in its language, with nothing to fetch."""
