"""Units: UCUM, what centres write for it, and the conversion of one element's values."""
