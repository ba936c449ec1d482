"""Who is asked and what of: populations, samples, curves and syntheses."""
