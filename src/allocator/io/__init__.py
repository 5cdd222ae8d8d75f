"""The door to disk: the only place that opens input files."""

from allocator.io.duty import read_duty_wishes, read_edits, read_minimums, read_roster
from allocator.io.folders import (
    PRODUCT_HASHES, Input, check_output, check_temporary, check_writable, files_in, is_output_failure, load_run, plain,
    read_hashes, read_items, replace_files, sha256, whole_folder, write_files, write_results, write_run,
)  # fmt: skip
from allocator.io.gis import gis_files, write_cells
from allocator.io.history import (
    Look, check_placed, look_at, look_of_job, read_calls, read_covariates, read_events, read_job_calls,
    read_job_covariates, read_job_events, screen, thin_weeks, without_ended,
)  # fmt: skip
from allocator.io.job import check_files, input_files, read_job
from allocator.io.job_file import commented_job
from allocator.io.outreach import (
    delivery_template, read_answers, read_areas, read_delivery, read_feedback, read_offers, read_requests, read_survey,
)  # fmt: skip
from allocator.io.places import read_area, read_job_area, read_job_residents, read_job_travel, read_polygons
from allocator.io.tables import csv_text, is_role_mailbox, xml_text

__all__ = [
    "PRODUCT_HASHES", "Input", "Look", "check_files", "check_output", "check_placed", "check_temporary",
    "check_writable", "commented_job", "csv_text", "delivery_template", "files_in", "gis_files", "input_files",
    "is_output_failure", "is_role_mailbox", "load_run", "look_at", "look_of_job", "plain", "read_answers",
    "read_area", "read_areas", "read_calls", "read_covariates", "read_delivery", "read_duty_wishes", "read_edits",
    "read_events", "read_feedback", "read_hashes", "read_items", "read_job", "read_job_area", "read_job_calls",
    "read_job_covariates", "read_job_events", "read_job_residents", "read_job_travel", "read_minimums",
    "read_offers", "read_polygons", "read_requests", "read_roster", "read_survey", "replace_files", "screen",
    "sha256", "thin_weeks", "whole_folder", "without_ended", "write_cells", "write_files", "write_results",
    "write_run", "xml_text",
]  # fmt: skip
