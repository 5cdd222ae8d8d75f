"""What is told of events, calls, covariates and areas, by cause."""

WORDS: dict[str, str] = {}
