"""What is told of backtests, scenarios, trends and alarms, by cause."""

WORDS: dict[str, str] = {
    "before_routes": (
        "all of it is expected harm covered by the forecast, before routes: what plans met in past weeks is told "
        "by allocator backtest --plans"
    ),
    "units_taken_away": (
        "unit-shifts are taken away in proportion to those of each shift, whoever stays is then spread anew"
    ),
    "kinds_not_covered": "{week}: the source does not cover {kinds} in the whole week: left out of its harm",
    "week_without_calls": "{week}: planned without the needs of calls: {because}",
    "calls_without_district": "the calls have no district: planned without their needs",
    "times_unknown": (
        "{count:,.0f} of {total:,.0f} events have no known time of day: they count in each shift by the share of "
        "past events of their kind that fall into its hours"
    ),
    "between_shifts": "{count:,.0f} events fell between the shifts: no plan could meet them, they count as not met",
    "last_shift_cut": (
        "of the last shift of the last week, only what was known before the planned week of the job counts"
    ),
    "reported_late": "events that were reported late are missing from the last weeks",
    "covariates_undated_weeks": "covariates without dates count as given at every week",
    "limits_of_optimiser": (
        "the limits {limits} bind the plans of the optimiser alone; the proportional and the uniform plan keep "
        "minimums, bands and caps per shift"
    ),
    "few_weeks": (
        "intervals over fewer than {few} weeks are too narrow, and nothing is called better or worse below {least}"
    ),
    "oldest_left_out": "the {count:,} oldest events are left out: they have more near pairs than fit into memory",
    "near_repeat_months": "No near-repeat test: the file tells times to the month only.",
    "near_repeat_kinds": "Near repeats are tested for the {count} most frequent kinds.",
    "near_repeat_few": "No near-repeat test of {kind}: {count} events in a year are too few ({least}).",
    "near_repeat_failed": "No near-repeat test of {kind}: {because}.",
    "no_hours": "the file tells times to the {precision} only: no counts by hour",
    "hours_unknown": "{count:,} events without a known time of day (00:00 counts as unknown) are not in the hours",
    "years_unlike": "the year to date has {days} days and last year's had {earlier}: its z allows for that",
    "too_short_for": "the history from {first} on is too short for {comparisons}",
    "no_alarms": "no change alarms: {because}",
    "no_alarms_of": "no change alarms for {kind}: {because}",
    "watched": (
        "{series} series were watched over {weeks} weeks ({first} to {last}). By chance alone a series raises "
        'about 0.8 false alarms a year: about {false_alarms:,.0f} here, marked "watch"; of those marked '
        '"firm" less than {firm:.1f}.'
    ),
    "no_season": (
        "The {weeks} weeks of history cannot tell a season from a change ({least} can): alarms of the whole area "
        "may be seasonal."
    ),
    "districts_against_rest": (
        "Districts are judged against the rest of the area: a swing of the whole area is one alarm."
    ),
    "one_district": "There is one district: only the whole area is watched.",
    "weeks_without_record": (
        "{kind}: {count} weeks without any record are taken as gaps, not as weeks without crime: {weeks:some}"
    ),
    "last_days_left_out": (
        "The last {days} days are left out: it takes {delay} days until 95 % of the events are reported."
    ),
    "folds_without_events": (
        "{kind}: {count} of {folds} folds held no event; they have no hit rate of their own, and count through "
        "their expected events"
    ),
    "folds_skipped": "{kind}: {count} folds skipped: {because}",
    "windows_overlap": "the windows overlap: their scores are not independent, and the bootstrap draws longer blocks",
    "shift_times_unknown": (
        "{count:,} of {total:,} events have no known time of day: they are in no shift's count, but in the "
        "expected events, so observed/expected is lower by that share"
    ),
    "shift_intervals": (
        "{count:,} events have intervals as times and count in the shift of their middle, while forecasts spread "
        "them over the whole, so observed/expected of single shifts is off"
    ),
    "windows_lack_late": (
        "5 % of the events were reported {days} days or more after they happened: the last windows lack those "
        "that were still unknown at the end of the history"
    ),
    "covariates_undated": "covariates without dates count as given at every cutoff: {names:some10}",
    "corrections_left_out": "corrections: {count:,} events by which net counts fell below 0 are left out",
    "few_folds": (
        "{count} {count:fold is|folds are} few: intervals over fewer than {few} folds are too narrow, and "
        "nothing is called better or worse below {least} that share no days"
    ),
    "product_missing": "{product} could not be made and is missing: {because}; everything else is there",
    "input_changed": (
        "{key}: {file} changed after it was read: this is made of the file as it was, whose hash the manifest holds"
    ),
    "of_kind": "{kind}: {because}.",
    "weeks_not_covered": (
        "the duty file does not cover {count} of {total} weeks: the units of {week} on stand, by day and shift"
    ),
}
