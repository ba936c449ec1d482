"""Code tables as people edit them: CSV files, spreadsheets and ConceptMaps, in and out."""
