"""What arithmetic alone says of a printed figure: whether any data can give it."""
