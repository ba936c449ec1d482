"""SAS data sets and transport files."""
