"""From source files to published tables: readers, transform, staging, audit, publish, export."""
