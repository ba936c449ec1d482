"""FHIR R4 out and in, derived from what each column of the tables declares."""
