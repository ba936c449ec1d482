"""What the founding studies print: each figure as data, recomputed from the store, and held against it."""
