"""What is told of calls and the units that they need, by cause."""

WORDS: dict[str, str] = {
    "calls_in_no_district": "{share:.1%} of the calls lie in no known district and are spread over all like the others",
    "silent_districts": "no call came from {count} of {total} districts: {districts}",
    "overlap": (
        "shifts overlap: calls of their common hours are shared in equal parts between those that have units "
        "on duty, and each is staffed for its own"
    ),
    "calls_used": "calls of {days} days are used, {first} to {week} (excluded)",
    "silent_days": "{count} days without any call count as not recorded",
    "short_history": "less than a whole week of calls: hours never seen are taken from the other days",
    "calls_without_place": (
        "the calls have no place: the city is staffed as a whole, the districts' minimums are left aside"
    ),
    "no_targets": "no wait targets are set: the units needed keep utilisation at {share:.0%} or less",
    "minimums_ignored": (
        "in {count} shifts the job's minimums ask for more units than there are; the spread ignores them"
    ),
    "calls_not_in_time": (
        "calls in {shift} need {needed} units to be answered in time, {on_duty} are on duty: they are spread "
        "where they save most waiting"
    ),
    "no_calls_before": "no call was received before {week}: planned without the needs of calls",
}
