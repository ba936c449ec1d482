"""Definitions as data (YAML beside the code) and what reads them."""
