"""The door to disk: the only place that opens input files."""

from allocator.io.answers import read_answers
from allocator.io.area import read_area, read_job_area, read_polygons
from allocator.io.calls import read_calls, read_job_calls
from allocator.io.covariates import read_covariates, read_job_covariates
from allocator.io.delivery import delivery_template, read_delivery
from allocator.io.edits import read_duty_wishes, read_edits
from allocator.io.events import read_events, read_job_events
from allocator.io.exports import csv_text, xml_text
from allocator.io.feedback import read_feedback
from allocator.io.folders import check_output, check_writable, replace_files, sha256, whole_folder, write_files
from allocator.io.gis import write_cells
from allocator.io.job import check_files, dump_job, input_files, read_job
from allocator.io.job_file import commented_job
from allocator.io.layers import gis_files
from allocator.io.offers import read_areas, read_initiatives, read_offers, read_partners, read_venues
from allocator.io.personal import is_role_mailbox
from allocator.io.placing import check_placed
from allocator.io.presets import preset, preset_names
from allocator.io.residents import read_job_residents
from allocator.io.results import write_results
from allocator.io.rosters import read_minimums, read_roster
from allocator.io.runs import load_run, read_hashes, read_items, write_run
from allocator.io.screen import family_of, screen
from allocator.io.surveys import read_requests, read_survey
from allocator.io.travel import read_job_travel, read_matrix, read_streets

__all__ = [
    "check_files",
    "check_output",
    "check_placed",
    "check_writable",
    "commented_job",
    "csv_text",
    "delivery_template",
    "dump_job",
    "family_of",
    "gis_files",
    "input_files",
    "is_role_mailbox",
    "load_run",
    "preset",
    "preset_names",
    "read_answers",
    "read_area",
    "read_areas",
    "read_calls",
    "read_covariates",
    "read_delivery",
    "read_duty_wishes",
    "read_edits",
    "read_events",
    "read_feedback",
    "read_hashes",
    "read_initiatives",
    "read_items",
    "read_job",
    "read_job_area",
    "read_job_calls",
    "read_job_covariates",
    "read_job_events",
    "read_job_residents",
    "read_job_travel",
    "read_matrix",
    "read_minimums",
    "read_offers",
    "read_partners",
    "read_polygons",
    "read_requests",
    "read_roster",
    "read_streets",
    "read_survey",
    "read_venues",
    "replace_files",
    "screen",
    "sha256",
    "whole_folder",
    "write_cells",
    "write_files",
    "write_results",
    "write_run",
    "xml_text",
]
