"""What is told of events, calls, covariates and areas, by cause."""

WORDS: dict[str, str] = {
    "weights_unused": "the column of weights is kept but does not enter counts yet",
    "intervals": "events with an interval count on the day on which it begins; within the week they are spread over it",
    "corrections_lost": "{count:,} corrections have no place and correct no known row: they are left out",
    "kind_map_unused": "kind_map renames kinds that do not occur: {kinds:some}",
    "every_origin_a_call": "every origin counts as a call: {where} names none of {found:some8}",
    "repeats_kept": "rows that repeat an id are kept: corrections are netted by place, kind and period",
    "times_are_months": (
        "times are months, each event stands on the 1st of its month: no forecast by day or shift is possible "
        "from them, and the shares of the job's shifts are used"
    ),
    "times_are_days": (
        "times carry no time of day ({share:.0%} are 00:00): no forecast by shift is possible from them, and the "
        "shares of the job's shifts are used"
    ),
    "midnights": "{share:.1%} of the times are exactly 00:00, often an unknown time",
    "calls_folded": (
        "{count:,} rows repeat a call number, as one row per unit sent does: they are folded to {calls:,} calls of "
        '{units:.2f} units in the mean; staffing.repeats = "drop" leaves them out instead'
    ),
    "kinds_of_calls_left_out": "the kinds of calls hold {count:,} different texts: they are free text and left out",
    "columns_changed": "{source}: expected columns are not in the file: {columns:some10}; has it changed?",
    "outside_area": "{count:,} of {total:,} events ({share:.1%}) lie outside the study area and are left out",
    "kinds_alike": "kinds that differ only in spelling are kept apart: {kinds:some}; data.kind_map joins them",
    "kinds_not_trained": "{count:,} events of the kinds {kinds} do not train the model: {reason}",
    "kind_not_found": "policy.{where} names {kind!r}, which does not occur",
    "covariates_of_cells": "covariates {names:some20}: {count:,} cells of {file}",
    "covariates_of_days": "daily covariates {names:some20}: {first} to {last} of {file}",
    "columns_without_numbers": "{file}: columns without numbers are left out: {columns:some10}",
    "columns_personal": "{file}: columns that look personal are not read: {columns:some10}",
    "covariates_of_polygons": "covariates {names:some}: column {column!r} of {count:,} polygons of {file}, {how}",
    "polygons_without_value": "{file}: {count:,} of {total:,} polygons have no value",
    "points_without_place": "{count:,} points without a place are left out",
    "points_without_date": "{count:,} points without a date are left out",
    "covariate_of_distance": "covariate {name!r}: metres to the nearest of {count:,} points",
    "covariate_missing": "covariate {name}: missing in {count:,} of {total:,} cells",
    "daily_covariate_missing": "daily covariate {name}: missing on {count:,} days",
    "daily_covariates_not_known_ahead": (
        "daily covariates {names:some10} are not known ahead: average in the days that are forecast"
    ),
    "months": "months are taken as {days} days each: dates drift from the calendar",
    "not_observed": "{count:,} of {total:,} periods and kinds were not observed: masked",
    "gap": "no {kind} from {first} to {last}",
    "columns_not_used": "{file}: columns not used: {columns:some10}",
    "features_merged": "{file}: {count} features merged into {labels} labels of {column!r}",
    "polygons_repaired": "{file}: {count} self-intersecting polygons were repaired: {polygons:some10}",
    "origins_not_found": "{where} names {origins:some}, which do not occur; the file has {found:some8}",
    "of_source": "{source}: {said}",
    "lines_before_header": "{file}: {count:,} {count:line|lines} above the header {count:is|are} passed over",
    "lines_no_rows": (
        "{file}: {count:,} {count:line is|lines are} no rows but headers again, totals, rules or remarks, and left out"
    ),
    "rings_closed": "{file}: open rings of its areas were closed",
    "answer_cut": (
        "{file}: the server says that it has more than these {count:,} records: ask it for the rest, page by page"
    ),
    "layer_read": "{file}: layer {layer!r} is read; it also has {others:some8} (area.layer names another)",
    "points_read": "{file}: layer {layer!r} is read; it also has {others:some8} (data.layer names another)",
    "list_read": "{file}: the {count:,} records of {name!r} are read; it also has {others:some8}",
    "sheet_read": "{file}: sheet {sheet!r} is read; it also has {others:some8} (data.layer names another)",
    "rows_lost": (
        "{count:,} of {total:,} rows ({share:.1%}): {reason}{parts:?; most in {parts:& and }}; {key} changes it"
    ),
    "part_hit": "{part} ({share:.0%}{others:? and {others} more with a fifth or more})",
    "heap": (
        "{count:,} events ({share:.1%}) stand at one point, {x}, {y}: if that is a station or a default, leave them "
        "out with [[data.leave_out]] at = [{x}, {y}]"
    ),
    "heap_near": (
        "{count:,} events ({share:.1%}) lie round one point, {x}, {y}: if they were scattered round a station or a "
        "default, leave them out with [[data.leave_out]] at = [{x}, {y}], within = {within:g}"
    ),
    "heaps": (
        "{count:,} events ({share:.1%}) stand at only {points} points, such as {shown:& and }: if those are stations "
        "or defaults, leave them out with [[data.leave_out]] at = [x, y]"
    ),
    "minute_heaped": (
        "{count:,} events ({share:.1%}) stand at exactly {clock}, where {usual:,.0f} are usual: often an unknown time"
    ),
    "leave_out_unused": "leave_out names values that column {column!r} does not hold: {values:some}",
    "leave_out_none": "rule {number} of data.leave_out meets no row",
    "status_unused": (
        "{columns:some} may tell which rows are unfounded or cancelled: [[data.leave_out]] with column and values "
        "leaves them out"
    ),
    "kind_ended": (
        "kind {kind}: the last of its {count:,} events is of {last}, while others go on: it is not forecast"
        "{begun:?; {begun:some8} began then: if that is the new name, join them with data.kind_map}"
    ),
    "kind_ended_kept": (
        "kind {kind}: the last of its {count:,} events is of {last}, while others go on; it is forecast because "
        "data.kinds names it{begun:?; {begun:some8} began then}"
    ),
    "thin_weeks": (
        "the last {weeks} {weeks:week|weeks} (from {since}) hold {count:,.0f} events where {usual:,.0f} are usual "
        "({share:.0%} fewer): if they are still to be reported, map data.columns.reported_at, or plan from an earlier "
        "week"
    ),
    "kinds_are_codes": (
        "kinds that are codes train the model whatever they mean: {kinds:some8}; name those that follow enforcement "
        "(drugs, vice, disorder, warrants, traffic) in policy.exclude_kinds"
    ),
    "kinds_unknown": (
        "kinds in words that are not known train the model: {kinds:some8}; name those that follow enforcement (drugs, "
        "vice, disorder, warrants, traffic) in policy.exclude_kinds"
    ),
    "offsets_mixed": (
        "column {column!r}: {share:.0%} of the times carry an offset such as Z and the others none: those are taken as "
        "local; "
        'data.offsets = "ignore" takes all as local'
    ),
    "zone_far": (
        "the area lies at longitude {lon:.1f}, {hours:.0f} hours from the time zone {zone}: is job.timezone "
        "the agency's own?"
    ),
    "clocks_taken": "column {column!r}: numbers are taken as {form}",
    "times_taken": "column {column!r} is taken as {form}; data.time_format says otherwise",
    "kinds_one_number": "kind {kind}: {names:some} {names:?are the same number and count to it}",
    "versions_differ": (
        "{count:,} rows repeat an id with another time, kind, place or value that data.leave_out names; the first is "
        'kept: data.duplicates = "last" keeps the last version (data.columns.version says which that is), "row" all '
        "that differ"
    ),
    "counted": "{kind} ({count:,})",
    "kinds_trained": "kinds that train the model: {kinds}",
    "of_file": "{file}: {because}",
    "gap_masked": "{gap}: taken as not covered by the source, not as zero",
    "covariates_of_points": (
        "covariates {names:some}: {inside:,} points{first:?, {first} to {last}}{last_days:?, those of the last "
        "{last_days} days}{outside:?; {outside:,} more ({share:.1%}) lie outside the area}"
    ),
    "districts_overlap": "districts {first} and {second} overlap by {km2:.3f} km²; the overlap belongs to {first}",
    "broken_rows": "{count:,} rows with the wrong number of columns are left out",
    "before_steady": (
        "{count:,} events before {day} are left out: the file is filled steadily only from then on (data.since "
        "sets another day)"
    ),
}
