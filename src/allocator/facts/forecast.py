"""What is told of forecasts, by cause."""

WORDS: dict[str, str] = {
    "short_history": (
        "the history is too short to hold back windows of {days} days: the models learn from windows of "
        "{horizon} days, and their rates are scaled up"
    ),
    "cases": (
        "{count:,} records of {kind} ({share:.0%}) share cell and minute with another, as the victims of one case do: "
        "for hours a case counts as the root of its records, for places each record counts; ids by case make them one"
    ),
    "none_held_out": "no {kind} in the weeks held back: its forecast is that of the mixture, unchecked",
    "unchecked": "too few weeks of {kind} to hold some back: its models learn from all of them, unchecked",
    "no_level": "too few days or events of {kind} for a level of their own: the model's total stands",
    "covariates_missing": "no values in the forecast days for {names:some10}: taken as average",
}
