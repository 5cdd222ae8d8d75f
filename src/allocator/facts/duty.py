"""What is told of rosters, wishes and hand edits, by cause."""

WORDS: dict[str, str] = {
    "sheets_not_read": "{file}: sheets not read: {sheets:some}",
    "rows_outside_days": "{file}: {count:,} rows outside {first} … {last} are ignored",
    "rows_of_no_shift": "{file}: {count:,} rows are of no planned shift and left out",
    "empty_shifts": (
        "no unit is on duty in {count} of {total} shifts: {shifts:some6}; no patrol is planned in them, and what is "
        "expected there is covered by overlapping shifts at most"
    ),
    "no_roster": (
        "unit {unit}: no choice of its {free} shifts on {days} days it can work keeps its rest, most and fewest "
        "shifts, hours and days off ({held})"
    ),
    "pinned": "pinned to {shifts}",
    "not_held": "no hand edit holds it",
    "best_roster": "no roster within the rules is better",
    "better_roster": "a better one may exist, by {over:,.3g} in weights of preferences at most",
    "roster_made": (
        "the duty roster was made: {unit_shifts:,} unit-shifts for {wanted:,} wanted, {lacking} of {shifts} "
        "shifts with fewer units than wanted; {proof}"
    ),
    "too_few_units": "shift {shift} wants {wanted} units, {count} work it: {because}",
    "no_more_units": "there are no more units",
    "away": "{count} away",
    "at_rest": "{count} at work or at rest around it",
    "at_most": "{count} at their most shifts or hours",
    "other_rules": "{count} kept from it by other rules or wishes",
}
