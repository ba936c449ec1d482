"""Linkage: pairs of patients of different studies or centres who may be one person."""

from allpool.etl.linkage.link import is_due, link_patients
from allpool.etl.linkage.links import waiting as waiting_links

__all__ = ["is_due", "link_patients", "waiting_links"]
