"""Every knob of a job, one module per group of sections; defaults live here and nowhere else."""

from allocator.config.base import Place, PlaceLimit, Section
from allocator.config.data import ENFORCEMENT_FAMILIES, ColumnMap, DataSection, LeaveOut, Policy, ShiftSection
from allocator.config.job import PRODUCTS, DeploymentSection, Job, parse_job
from allocator.config.outreach import BulletinSection, NeedsSection, OutreachSection, SurveySection
from allocator.config.patrol import (
    AllocationSection, Band, Cost, Dosage, Equity, Exposure, Need, PlaceWindow, Request, RoutesSection,
)  # fmt: skip
from allocator.config.risk import BoostedOptions, CovariateSection, DailySection, RiskSection
from allocator.config.roster import RosterMakeSection, RosterSection
from allocator.config.staffing import CallColumns, Minimum, StaffingSection
from allocator.config.studies import EvaluationSection, ScenariosSection

__all__ = [
    "ENFORCEMENT_FAMILIES", "PRODUCTS", "AllocationSection", "Band", "BoostedOptions", "BulletinSection", "CallColumns",
    "ColumnMap", "Cost", "CovariateSection", "DailySection", "DataSection", "DeploymentSection", "Dosage", "Equity",
    "EvaluationSection", "Exposure", "Job", "LeaveOut", "Minimum", "Need", "NeedsSection", "OutreachSection", "Place",
    "PlaceLimit", "PlaceWindow", "Policy", "Request", "RiskSection", "RosterMakeSection", "RosterSection",
    "RoutesSection", "ScenariosSection", "Section", "ShiftSection", "StaffingSection", "SurveySection", "parse_job",
]  # fmt: skip
