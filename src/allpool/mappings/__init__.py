"""What the sources may say: dictionary, terminology, record types, and the mapping language."""
