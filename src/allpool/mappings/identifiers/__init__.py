"""What a direct identifier looks like, by the name of a column and by its cells."""
