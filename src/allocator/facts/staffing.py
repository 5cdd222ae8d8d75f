"""What is told of calls and the units that they need, by cause."""

WORDS: dict[str, str] = {}
