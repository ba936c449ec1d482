"""REDCap: exports, their data dictionary, and the live API."""
