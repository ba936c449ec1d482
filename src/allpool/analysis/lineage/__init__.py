"""The walk between results and cells: what rests on what."""
