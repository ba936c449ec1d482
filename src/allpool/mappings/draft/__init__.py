"""A draft of a mapping: what each column of a source most likely is, and the mapping file that says so."""

from allpool.mappings.draft.draft import Draft, draft
from allpool.mappings.draft.suggest import suggest
from allpool.mappings.draft.suggestion import CONFIDENT, Alternative, Suggestion

__all__ = ["CONFIDENT", "Alternative", "Draft", "Suggestion", "draft", "suggest"]
