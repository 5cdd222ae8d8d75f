"""What is told of patrol: limits that are bent, needs that are not met, travel; by cause."""

WORDS: dict[str, str] = {}
