"""What is told of patrol: limits that are bent, needs that are not met, travel; by cause."""

WORDS: dict[str, str] = {
    "cells_outside_matrix": "{count:,} cells lie in no {column}: travel there is by the first of the matrix",
    "cells_cut_off": (
        "no street leads from {count:,} of {total:,} cells to the others and back: visits there are dropped "
        "where their units cannot come (cells {cells:some5})"
    ),
    "cells_far_from_streets": "{count:,} cells lie more than {metres:g} m from every street (cells {cells:some5})",
    "worst_off_dropped": "the worst-off district is not put first again: what is left is planned by expected harm",
    "nobody_left": "nobody is on duty any more in {shifts:some}; minimums there are lowered to 0",
    "limits_dropped": "limits beyond units, minimums and bands could not be kept for the rest of the plan",
    "urgent_nobody": "urgent cell {cell}: no unit is on duty any more in this plan",
    "urgent_too_late": "urgent cell {cell}: no unit can be there before the end of {shift}",
    "urgent": "urgent cell {cell}: {unit} is there {minutes} minutes after {clock}",
    "urgent_barred": (
        "urgent cell {cell}: {unit} is there {minutes} minutes after {clock}; a limit of the job allows no patrol "
        "there in {shift} (policy.limits), and the visit stands only because it was asked for"
    ),
    "short_shift": (
        "shift {shift} needs at least {count} units ({parts}{more:? and {more} more districts}), {on_duty} are on duty"
    ),
    "short_crew": "shift {shift} needs {count} {need}, {on_duty} are on duty",
    "conflict": "{limit}",
    "minimum_lowered": "minimum of district {district} in {shift} lowered from {before} to {after} units",
    "band_lowered": "band of district {district}: least {before} lowered to {after} unit-shifts",
    "band_raised": "band of district {district}: most {before} raised to {after} unit-shifts",
    "need_lowered": "{need} in district {district} in {shift}: {after} instead of {before}",
    "floors_lowered": "floors of {count:,} cells over the plan lowered by {visits:,} visits",
    "limit_bent": "{limit}: not kept, bent by {share:.1%}",
    "bound_bent": "{limit}: {after:,.4g} {unit} instead of {before:,.4g}",
    "in_reserve": (
        "{count:,} of {total:,} unit-shifts stay in reserve (most in {shift}: {most}): {because}{full:?; {full} "
        "of {districts} districts are at the top of their band}"
    ),
    "limit_spent": "the {limit} allows no more",
    "nothing_left": "no allowed visit of value is left for them",
    "visits_dropped": (
        "{count:,} of {total:,} visits were dropped because travel, breaks and return gaps leave no time for "
        "them ({share:.1%} of the harm covered)"
    ),
    "not_delivered": "{limit}: {count:,.4g} of {asked:,.4g} {unit} are delivered: there is no time for the rest",
    "floors_not_delivered": (
        "floors of {count:,} {count:cell|cells} are not delivered: {visits:,} of {asked:,} visits find no time "
        "(cells {cells})"
    ),
    "dropped_again": (
        "{count:,} of {total:,} visits of the tours made again were dropped because travel, breaks and return gaps "
        "leave no time for them"
    ),
    "left_out": (
        "{count:,} cells are left out{shifts:? in {shifts} shifts} by policy ({reason}): expected harm there is "
        "{harm:.1f}, {share:.1%} of all"
    ),
    "held_to": (
        "{count:,} cells are held to {visits} {visits:visit|visits} a shift{shifts:? in {shifts} shifts} by policy "
        "({reason}): expected harm there is {harm:.1f}, {share:.1%} of all"
    ),
    "no_place_near": "no patrol visit in {shift} {event}: no cell that may be visited within {metres:.0f} m",
    "no_unit_near": "no patrol visit in {shift} {event}: no unit is free of the minimums",
    "no_time_near": "no time for the patrol visit in {shift} {event} (cell {cell})",
}
