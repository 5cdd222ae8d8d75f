"""What is told of forecasts, by cause."""

WORDS: dict[str, str] = {}
