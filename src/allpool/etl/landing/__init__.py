"""Landing: every resource of a FHIR feed kept whole, less the direct identifiers of persons."""
