"""A first look at a file: what it guesses, advises, and whether what it says to paste works."""

import tomllib

import numpy as np
import pandas as pd
import pytest

from allocator.config import DataSection
from allocator.io.history import look_at, read_events

N = 3_000


def file_of(path, **changes):
    rng = np.random.default_rng(4)
    when = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 525_600, N), "min")
    frame = pd.DataFrame(
        {"Case Number": [f"C{n}" for n in range(N)], "Occurred On": when.strftime("%m/%d/%Y %I:%M %p"),
         "Offense": rng.choice(["THEFT", "ROBBERY"], N), "Longitude": np.round(-87.6 + rng.normal(0, 0.03, N), 5),
         "Latitude": np.round(41.8 + rng.normal(0, 0.03, N), 5), **changes}
    )  # fmt: skip
    frame.to_csv(path, index=False)
    return path


def read_as_pasted(look, path, *, keep_status=None):
    """Read the file by the pasted section; with `keep_status` by its comments too, of whose values that one is kept."""
    text = look.section()
    if keep_status is not None:
        keys = (line.removeprefix("# ") for line in text.splitlines())
        text = "\n".join(line for line in keys if "=" in line or line.startswith("["))
    section = tomllib.loads(text)["data"]
    for rule in section.get("leave_out", ()):
        if "values" in rule:
            rule["values"].remove(keep_status)
    DataSection.model_validate(section)
    options = {key: value for key, value in section.items() if key not in ("events", "columns")}
    return read_events(path, timezone="America/Chicago", columns=section["columns"], **options)


def test_the_section_of_a_plain_file_reads_it(tmp_path):
    path = file_of(tmp_path / "e.csv")
    look = look_at(path, timezone="America/Chicago")
    assert look.columns == {"time": "Occurred On", "lon": "Longitude", "lat": "Latitude", "kind": "Offense",
                            "id": "Case Number"}  # fmt: skip
    assert not look.refused
    assert not look.error
    assert len(read_as_pasted(look, path)) == N


@pytest.mark.parametrize("code", ["-999", "NSA", "999999"])
def test_codes_for_missing_places_are_found_and_pasted(tmp_path, code):
    lon = [code if n % 20 == 0 else f"{-87.6 + n / 1e5:.5f}" for n in range(N)]
    path = file_of(tmp_path / "e.csv", Longitude=lon)
    look = look_at(path, timezone="America/Chicago")
    assert look.options["missing"] == [code]
    assert 'bad_rows = "drop"' not in look.section()
    events = read_as_pasted(look, path)
    assert len(events) == N - 150
    assert events.ledger["without place"] == 150


def test_codes_for_unknown_times_are_found(tmp_path):
    when = ["UNK" if n % 50 == 0 else f"2025-03-{1 + n % 28:02d} {n % 24:02d}:15" for n in range(N)]
    path = file_of(tmp_path / "e.csv", **{"Occurred On": when})
    look = look_at(path, timezone="America/Chicago")
    assert look.options["missing"] == ["UNK"]
    assert len(read_as_pasted(look, path)) == N - 60


def test_a_few_odd_rows_are_left_out_by_a_key_that_is_said(tmp_path):
    lat = [f"x{n}" if n < 2 else "41.8" for n in range(N)]
    path = file_of(tmp_path / "e.csv", Latitude=lat)
    look = look_at(path, timezone="America/Chicago")
    assert "2 of 3,000 places are no numbers" in look.refused
    assert 'bad_rows = "drop"' in look.section()
    assert len(read_as_pasted(look, path)) == N - 2


def test_what_is_a_matter_of_judgement_is_pasted_as_a_comment_that_works(tmp_path):
    lon, lat = np.full(N, -87.61), np.full(N, 41.81)
    lon[300:], lat[300:] = -87.6 + np.arange(N - 300) / 1e5, 41.8 + np.arange(N - 300) / 1e5
    number = [f"C{n - n % 2}" if n < 400 else f"C{n}" for n in range(N)]
    status = ["Unfounded" if n % 10 == 0 else "Open" for n in range(N)]
    more = {"Case Number": number, "Last Updated": [f"2026-01-01 00:{n % 60:02d}" for n in range(N)]}
    path = file_of(tmp_path / "e.csv", Longitude=lon, Latitude=lat, Status=status, **more)
    look = look_at(path, timezone="America/Chicago")
    section = look.section()
    assert '# duplicates = "last"' in section
    assert '# version = "Last Updated"' in section
    assert "# at = [-87.61, 41.81]" in section
    assert '# column = "Status"\n# values = ["Unfounded", "Open"]' in section
    assert len(read_as_pasted(look, path)) == N - 200
    chosen = read_as_pasted(look, path, keep_status="Open")
    assert not ((chosen.x == -87.61) & (chosen.y == 41.81)).any()
    assert len(chosen) == sum(n % 10 > 0 for n in range(300, 400) if n % 2) + sum(n % 10 > 0 for n in range(400, N))


def test_the_place_of_a_heap_is_pasted_so_that_its_rows_are_found(tmp_path):
    rng = np.random.default_rng(0)
    lon, lat = np.round(-95.67 + rng.normal(0, 0.03, N), 6), np.round(39.05 + rng.normal(0, 0.03, N), 6)
    lon[:300], lat[:300] = -95.670716, 39.057217
    path = file_of(tmp_path / "e.csv", Longitude=lon, Latitude=lat)
    look = look_at(path, timezone="America/Chicago")
    assert "# at = [-95.670716, 39.057217]" in look.section()
    kept = read_as_pasted(look, path, keep_status="none")
    assert len(kept) == N - 300


def test_a_version_column_that_is_named_keeps_the_last_version(tmp_path):
    number, updated = [f"C{n // 2}" for n in range(N)], [f"2026-01-01 00:0{n % 2}" for n in range(N)]
    more = {"Case Number": number, "Last Updated": updated}
    path = file_of(tmp_path / "e.csv", **more)
    look = look_at(path, timezone="America/Chicago", columns={"version": "Last Updated"})
    assert not look.error
    assert 'duplicates = "last"\n' in look.section()
    assert len(read_as_pasted(look, path)) == N // 2
