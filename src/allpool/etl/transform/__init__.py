"""From frames of text to records: a pure function of frames, mapping and dictionary."""
