"""What the audit costs beside the same rules as bare SQL."""
