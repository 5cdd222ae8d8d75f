"""What is told of backtests, scenarios, trends and alarms, by cause."""

WORDS: dict[str, str] = {}
