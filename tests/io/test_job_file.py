"""The job file of `allocator new`: it explains every key, and reads as the job it was made from."""

from __future__ import annotations

import importlib.resources as resources
import re
import tomllib
import typing

import pytest

from allocator.config import Job, Section
from allocator.io.job import read_job
from allocator.io.job_file import commented_job

SHORT = resources.files("allocator.pipeline").joinpath("job_template.toml").read_text("utf-8")


def keys_of(model: type[Section], path: str = "") -> set[str]:
    """Every key of a section and of those in it, by its path."""
    found = set()
    for name, field in model.model_fields.items():
        own = f"{path}.{name}" if path else name
        found.add(own)
        for inner in sections_in(field.annotation):
            found |= keys_of(inner, own)
    return found


def sections_in(annotation) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [inner for part in typing.get_args(annotation) for inner in sections_in(part)]


def keys_in(text: str) -> set[str]:
    """Every key that a commented job file names, in use or not."""
    found, section = set(), ""
    for line in text.splitlines():
        if head := re.fullmatch(r"#?\[\[?([\w.]+)\]\]?", line):
            section = head[1]
            found.add(section)
        elif key := re.match(r"#?(\w+) = ", line):
            found.add(f"{section}.{key[1]}")
    return found


def test_every_key_is_there_with_what_it_does_and_its_default():
    text = commented_job(SHORT)
    assert keys_in(text) == keys_of(Job)
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if re.match(r"#?\w+ = ", line):
            above = " ".join(one for one in lines[max(0, number - 8) : number] if one.startswith("# "))
            assert re.search(r"(Required|Default: .+)\.$", above), line
    assert max(map(len, lines)) <= 120


def test_it_reads_as_the_short_file(demo_folder, tmp_path):
    short = SHORT.replace("{data}", "").replace("{runs}", "runs")
    (demo_folder / "short.toml").write_text(short, "utf-8")
    assert read_job(demo_folder / "short.toml") == read_job(demo_folder / "job.toml")
    assert commented_job(commented_job(short)).count("size_m = ") == 1


@pytest.mark.parametrize("text", ['[job]\nname = "a \'b\' \\"c\\" é #x"\nweek = 2026-03-02\ntimezone = "UTC"\n'])
def test_odd_values_keep_their_meaning(text):
    assert tomllib.loads(commented_job(text))["job"] == tomllib.loads(text)["job"]


def test_defaults_can_be_put_to_use(demo_folder):
    """Taking the sign away from a key with a default changes nothing but says it."""
    lines = (demo_folder / "job.toml").read_text("utf-8").splitlines()
    active, changed = False, []
    for number, line in enumerate(lines):
        if re.match(r"#?\[", line):
            active = not line.startswith("#")
        above = " ".join(one.removeprefix("# ") for one in lines[max(0, number - 8) : number])
        default = above.rpartition("Default: ")[2]
        if active and re.match(r"#\w+ = ", line) and not default.startswith("none"):
            line = line[1:]
        changed.append(line)
    assert changed != lines
    (demo_folder / "said.toml").write_text("\n".join(changed), "utf-8")
    assert read_job(demo_folder / "said.toml") == read_job(demo_folder / "job.toml")
