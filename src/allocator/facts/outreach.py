"""What is told of outreach: what is not held and why, surveys, needs; by cause."""

WORDS: dict[str, str] = {
    "survey_without_answer": "{file}: {count:,} of {total:,} people asked gave no answer to {question!r}",
    "survey_weights_zero": "{file}: {count:,} of {total:,} weights are 0: these answers do not count",
    "survey_columns_personal": "{file}: {count} columns that look personal were not read; better not to keep them",
    "survey_without_weights": "{file}: no weights are given, so all answers weigh the same",
    "answers_open": "{file}: {count:,} of {total:,} events are not answered yet",
    "cancelled_without_cause": "{file}: {count:,} cancelled without a cause: without it nothing is learnt from them",
    "survey_synthetic": "the survey {survey} is synthetic: invented, not asked",
    "areas_shrunk": (
        "{count} of {total} areas have fewer than {least} usable answers: they are shrunk towards the mean of "
        "all (design effect {deff:.2f}, spread between areas {between:.3g})"
    ),
    "areas_unknown": "{count} of {total} areas are unknown to the survey: {areas:some6}",
    "answers_without_area": "{count:,} answers name no area: they count for the whole only",
    "no_trend": "the history from {first} on is too short for a trend over {days} days: it counts as 1",
    "no_year_earlier": (
        "the history from {first} on holds no same days a year earlier: the last {days} days are compared with "
        "the {days} days before, so seasons are in the trend"
    ),
    "trend_of_one": "too few for a trend: it counts as 1",
    "allowed_for": "allowed for",
    "days_covered": "{kind}: {recent} recent and {earlier} earlier of {days} days are covered: {because}",
    "weight_without_effect": "{weight} = {value:g} has no effect: {because}",
    "survey_shown_only": "the survey is shown, but survey_weight = 0: it makes no difference to the need",
    "areas_without_residents": "{count} areas have no residents: their requests do not count",
    "hours_never_meet": "{initiative}: the hours of {venue} never meet those of {teams}",
    "team_cannot": "{team} cannot hold it then",
    "not_offered": "it is not offered there any more",
    "most_reached": "most = {most} allows no more",
    "team_is_patrol": "{team} is a patrol unit; such items are planned anew, give it to a team to keep it",
    "confirmed_lost": "{initiative} on {start}, confirmed by {partner}: {because}",
    "fairness": (
        "the area with the fewest contacts per resident comes first: it has {fewest:,.1f} per 1,000 residents "
        "instead of {instead:,.1f}, and {less:,.2f} less harm is prevented ({share:.1%})"
    ),
    "reported_twice": "{count} holdings are reported on more than once: the last report counts",
    "not_offered_any_more": "{count} initiatives that were held are offered no longer: nothing is learnt from them",
    "questions_open": "{partner}: {count} of {total} questions have no answer yet",
    "held_without_contacts": (
        "{count:,} {count:holding|holdings} took place without a number of contacts: not in the attendance"
    ),
    "held_without_cost": "{count:,} {count:holding|holdings} took place without a cost: not in the cost per contact",
    "rooms_too_small": "{count:,} {count:holding|holdings} had more people than the room holds: {holdings}",
    "capacity_unknown": "venues whose capacity is not known: {venues:some}",
    "not_held_yet": "not held yet; of all holdings {share:.0%} of what was promised came about",
    "contacts_told": (
        "{contacts:,.0f} contacts of {planned:,.0f} to be expected in {holdings} {holdings:holding|holdings} "
        "({share:.0%}), drawn towards all holdings ({whole:.0%}) to {drawn:.0%}"
    ),
    "reach_learnt": "{initiative}: {because}: reach {before:,} becomes {after:,}",
    "capacity_learnt": (
        "{venue}: {contacts:,.0f} came in {count} {count:holding|holdings} where {planned:,.0f} would "
        "have come elsewhere: usable capacity {before:,} becomes {after:,}"
    ),
    "notice_learnt": (
        "{partner}: {share:.0%} of {count} answers came within {days} days: notice of {before} days becomes {days}"
    ),
    "no_change_told": "the surveys tell no change: an estimate is 0, or without a standard error",
    "no_comparison": "there are no comparison areas: what changed everywhere is not taken out of reported events",
    "no_survey_elsewhere": "no survey was made elsewhere: what changed everywhere is not taken out of victimisation",
    "single_area": "with a single area, nothing tells how areas differ: the interval of reported events is too narrow",
    "survey_whole": "{said}",
    "formula": (
        "need = expected harm in a week × exp({terms}), the factor kept between {least:.3g} and {most:g}; trend: "
        "events of the last {days} days against {earlier}, areas with few events drawn towards the ratio of all, "
        "1 where unknown; survey and requests per 1,000 residents: standard deviations from the mean of the "
        "areas, 0 where unknown"
    ),
    "least_held": "{initiative}: at least {least}",
    "most_held": "most holdings of {initiative}",
    "hours_of_team": "hours of {team}",
    "fund": "fund {fund}",
    "budget": "budget",
    "most_per_area_week": "most_per_area_week",
    "most_minutes_per_area_week": "most_minutes_per_area_week",
    "hours_of_partner": "in-kind hours of {partner}",
    "hours_of_volunteers": "hours of trained volunteers",
    "stock": "stock of {point}",
    "channel": "{channel}",
    "floor_of_area": "area {area}: at least {least}",
    "floor_of_district": "district {district}: at least {least}",
    "least_share": "outreach at least {share:.1%} of the hours",
    "most_share": "outreach at most {share:.1%} of the hours",
    "confirmed": "{initiative}: confirmed by its partner",
    "hours_missing": "{limit}: {hours:,.0f} hours are missing; initiatives, places and units give no more",
    "too_few_held": "{limit}: {count} could not be held; {because}",
    "unknown_kinds": "{initiative}: {kinds:some} {count:is|are} not among the forecast kinds{hint}",
    "fewer_held": "{initiative}: held {count} times, {least} are wanted: {because}",
    "not_held": "{initiative}: not held: {because}",
    "nothing_offered": "nothing that is offered can be held there",
    "floors_together": "hours, money or places do not suffice for all floors together",
    "no_kind": "none of its kinds is forecast",
    "no_effect": "it is assumed to have no effect",
    "no_reach": "it reaches nobody",
    "no_team": "there is no team",
    "others_first": "others prevent more with the same hours, money and places",
    "requires": "it needs {initiative} before, which is not held",
    "follow_up": "its follow-up {initiative} cannot be held",
    "no_money": "it costs {cost:,.0f}, and there is no money: set outreach.budget or a fund",
    "too_dear": "it costs {cost:,.0f}; others prevent more with {funds:& and }, of which {left:,.0f} is left",
    "the_fund": "the fund {fund}",
    "the_budget": "the budget",
    "no_hours": "the teams able to do it have no hours left",
    "no_volunteers": "it needs trained volunteers, and nobody trains them",
    "no_languages": "the patrol units with its skills have no languages in units.csv, and it needs {languages:some}",
    "nobody_has": "no team has {lacking}",
    "skill": "skill {skill!r}",
    "language": "language {language!r}",
    "not_together": "no team has all its skills and languages together",
    "no_partner": "it needs in-kind hours of a partner, and no partner is given",
    "partners_declined": "it needs in-kind hours of a partner, and all partners declined",
    "lead_time": "its lead time of {days} days is longer than the plan",
    "nobody_speaks": "no resident of the areas speaks {languages:some}",
    "nobody_lives": "nobody lives in the areas",
    "no_venue": "no venue is given",
    "no_venue_fits": "no venue fits: none {reasons:& or }",
    "no_channel": "no channel is given",
    "no_stock": "it takes {items:,} items, and no distribution point has as many in stock",
    "no_fit": "no place, partner and hours fit together",
    "venue_area": "is in {areas:some}",
    "venue_audience": "suits {audience}",
    "venue_partner": "belongs to a partner that takes part (others declined)",
    "venue_capacity": "holds anybody",
    "venue_hours": "is open for {hours:g} hours",
    "venue_time": "is open when a team that can hold it works, after its lead time",
    "patrol_taken": (
        "{units} unit-shifts ({hours:,.0f} hours) leave patrol for outreach; the harm that patrol would have "
        "prevented with them, {harm:.2f}, is taken off (assumed: patrol prevents {share:.0%} of the harm that it "
        "covers; {source})"
    ),
}
