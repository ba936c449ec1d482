"""The seeded generator of the synthetic example consortium and of benchmark data in the same layouts."""
