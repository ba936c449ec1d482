"""What allpool says to a centre, in the centre's language: rules, expectations, kinds of records, labels."""

from __future__ import annotations

from allpool.etl.messages.catalogue import LANGUAGES, Catalogue, MessageLanguage, load_messages, spoken

__all__ = ["LANGUAGES", "Catalogue", "MessageLanguage", "load_messages", "spoken"]
