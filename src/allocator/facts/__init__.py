"""What is told beside the numbers, as records: what happened, to what, how often. Words are made here and only here."""

from allocator.facts.note import Note, note, records, texts

__all__ = ["Note", "note", "records", "texts"]
