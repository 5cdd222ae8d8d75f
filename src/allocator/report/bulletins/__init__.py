"""Drafts of bulletins for the public."""

from allocator.report.bulletins.bulletin import Bulletins, bulletin_references, bulletins

__all__ = ["Bulletins", "bulletin_references", "bulletins"]
