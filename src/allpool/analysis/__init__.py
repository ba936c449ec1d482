"""Populations, endpoints, estimators and pooling: numbers that equal R's."""
