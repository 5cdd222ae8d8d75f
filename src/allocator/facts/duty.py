"""What is told of rosters, wishes and hand edits, by cause."""

WORDS: dict[str, str] = {}
