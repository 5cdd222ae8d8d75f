"""What is told of outreach: what is not held and why, surveys, needs; by cause."""

WORDS: dict[str, str] = {}
