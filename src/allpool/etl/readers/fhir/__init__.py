"""FHIR R4: bundles, resources and Bulk NDJSON as rows of paths."""
