"""Questions asked every night, the steps that answer them, and their results in the store."""
