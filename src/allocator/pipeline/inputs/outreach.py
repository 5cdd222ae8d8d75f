"""What the files of an outreach section say."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import pandas as pd

from allocator import evaluation, io, planning
from allocator.config import Job, OutreachSection
from allocator.domain import Floats, Offers, OutreachAreas, OutreachPlan, Tessellation
from allocator.errors import DataError, nearest
from allocator.facts import Note
from allocator.planning import AreaEstimates


@dataclass(frozen=True, eq=False)
class OutreachInputs:
    """What the files of an outreach section say.

    Parameters
    ----------
    areas : OutreachAreas
        Areas and residents.
    offers : Offers
        What can be held, with what was learnt from earlier plans, and what partners answered.
    survey : AreaEstimates, optional
        Estimates by area.
    requests : (n_areas,) float64, optional
        Requests by communities.
    earlier : DataFrame
        Items of the plan before, whose ids and sequences go on; empty where there is none.
    notes : tuple of Note
        What a planner should know.
    """

    areas: OutreachAreas
    offers: Offers
    survey: AreaEstimates | None = None
    requests: Floats | None = None
    earlier: pd.DataFrame = field(default_factory=lambda: OutreachPlan.none().earlier)
    notes: tuple[Note, ...] = ()


def read_outreach(job: Job, city: Tessellation) -> OutreachInputs | None:
    """Return what the outreach files of a job say, None where it has none.

    Raises
    ------
    DataError
        With every fault of a file at once.
    """
    section = job.outreach
    if section is None:
        return None
    areas = io.read_areas(job, city)
    offers, notes = io.read_offers(section, areas.names), list[Note]()
    _check_floors(section, areas, city)
    if section.answers:
        answers, told = io.read_answers(section.answers)
        offers, notes = dataclasses.replace(offers, answers=answers), [*notes, *told]
    if section.delivered:
        offers, told = evaluation.learnt([io.read_delivery(path) for path in section.delivered], offers)
        notes += told
    survey = requests = None
    if section.survey is not None:
        own = section.survey
        survey = planning.area_estimates(
            io.read_survey(own, areas.names), confidence=own.confidence, min_answers=own.min_answers, small=own.small
        )
    if section.needs.requests is not None:
        asked = io.read_requests(section.needs.requests, areas.names)
        requests, notes = asked.counts, [*notes, *asked.notes]
    earlier = OutreachPlan.none().earlier if section.earlier is None else io.read_items(section.earlier)
    return OutreachInputs(areas, offers, survey, requests, earlier, tuple(notes))


def _check_floors(section: OutreachSection, areas: OutreachAreas, city: Tessellation) -> None:
    faults = []
    for floor in section.floors:
        for what, name, known in (("area", floor.area, areas.names), ("district", floor.district, city.districts)):
            if name is not None and name not in known:
                faults.append(f"outreach.floors: unknown {what} {name!r}{nearest(name, known)}")
    if faults:
        raise DataError("the floors of outreach name places that do not exist", faults=faults)
