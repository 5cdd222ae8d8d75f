"""What the design promises about the code itself: rooms, floors, sizes, and the shop window."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from numba.core.registry import CPUDispatcher

import allocator
import naive
from allocator import errors

PACKAGE = Path(allocator.__file__).parent
ROOT = PACKAGE.parents[1]
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted({path.parent for path in MODULES})
MOST_LINES, MOST_ENTRIES, MOST_AT_THE_ROOT, MOST_PARAMETERS = 400, 9, 14, 6
MOST_ANY = 121
"""Uses of `Any` outside io: a third of what there were when the rooms were cut."""


def shown(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def entries(room: Path) -> list[str]:
    """Modules and rooms of a room; data, the window and caches do not count."""
    inside = (path for path in room.iterdir() if path.name not in ("__init__.py", "__pycache__"))
    return sorted(path.stem for path in inside if path.suffix == ".py" or list(path.glob("*.py")))


def test_the_shop_window_is_complete_sorted_and_loads():
    assert allocator.__all__ == sorted(allocator.__all__)
    listed = re.findall(r"^from \.\w+ import (\w+) as \1$", (PACKAGE / "__init__.pyi").read_text(), flags=re.M)
    assert sorted(listed) == allocator.__all__
    for name in allocator.__all__:
        assert getattr(allocator, name).__doc__, name
    assert dir(allocator) == allocator.__all__
    with pytest.raises(AttributeError, match="nothing"):
        _ = allocator.nothing


@pytest.mark.parametrize("room", ROOMS, ids=shown)
def test_rooms_are_small_and_have_a_window(room):
    assert len(entries(room)) <= (MOST_AT_THE_ROOT if room == PACKAGE else MOST_ENTRIES), entries(room)
    window = ast.parse((room / "__init__.py").read_text())
    assert ast.get_docstring(window)
    plain = (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign)
    assert all(isinstance(node, plain) for node in window.body), "a window holds imports and a list of names"


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_modules_are_short(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES


def parameters(node: ast.FunctionDef) -> list[str]:
    given = node.args
    named = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg) if one]
    return [name for name in named if name not in ("self", "cls")]


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_functions_are_short_and_take_few_parameters(path):
    """Kernels take arrays one by one, and commands their options."""
    floor = path.relative_to(PACKAGE).parts[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef):
            continue
        first = node.body[min(int(ast.get_docstring(node) is not None), len(node.body) - 1)]
        lines = (node.end_lineno or 0) - first.lineno + 1
        assert lines <= (80 if floor == "kernels" else 60), f"{node.name} has {lines} lines"
        if floor not in ("kernels", "cli"):
            assert len(parameters(node)) <= MOST_PARAMETERS, f"{node.name} takes {parameters(node)}"


def test_values_have_types():
    outside = [path for path in MODULES if path.relative_to(PACKAGE).parts[0] != "io"]
    names = {
        shown(path): [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)]
        for path in outside
    }
    uses = {path: sum(node.id == "Any" for node in nodes) for path, nodes in names.items()}
    assert sum(uses.values()) <= MOST_ANY, {name: n for name, n in uses.items() if n > 2}


def test_every_kernel_has_a_plain_twin_a_benchmark_and_a_formula():
    twins = {
        "count_within": "within",
        "fill_within": "within",
        "decay": "history",
        "spread_events": "history",
        "mixture_em": "mixture_weights",
    }
    timed = (ROOT / "benchmarks" / "test_kernels.py").read_text()
    for info in pkgutil.iter_modules([str(PACKAGE / "kernels")]):
        module = importlib.import_module(f"allocator.kernels.{info.name}")
        kernels = {n: k for n, k in vars(module).items() if isinstance(k, CPUDispatcher) and not n.startswith("_")}
        assert kernels
        for name, kernel in kernels.items():
            assert hasattr(naive, twins.get(name, name)), f"{name} has no twin in tests/helpers/naive.py"
            assert f"def test_{name}(" in timed, f"{name} has no row in benchmarks/test_kernels.py"
            assert kernel.__doc__, name
            assert kernel.targetoptions.get("nogil"), name
            assert not kernel.targetoptions.get("parallel"), name
            assert not kernel.targetoptions.get("fastmath"), name


def test_errors_carry_the_codes_of_the_design():
    codes = {
        "ConfigError": (2, 422),
        "DataError": (3, 422),
        "InfeasibleError": (4, 409),
        "SolverError": (5, 503),
        "OutputError": (6, 507),
        "ProductError": (7, 500),
    }
    for name, (exit_code, http_status) in codes.items():
        kind = getattr(errors, name)
        assert issubclass(kind, errors.AllocatorError)
        assert (kind.exit_code, kind.http_status) == (exit_code, http_status)
        assert name in (errors.__doc__ or "")


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_modules_open_no_files_and_no_connections_outside_the_io_room(path):
    calls = re.compile(
        r"\bopen\(|read_text\(|read_bytes\(|write_text\(|write_bytes\(|read_csv\(|read_parquet\(|urlopen"
        r"|\brequests\.\w+\(|\bsocket\."
    )
    hits = [line.strip() for line in path.read_text().splitlines() if calls.search(line)]
    # The packaged job template, written through io.whole_folder; the memory of this process; a closed pipe.
    allowed = {"pipeline/demo.py", "pipeline/record.py", "cli/app.py"}
    assert not hits or path.relative_to(PACKAGE).parts[0] == "io" or shown(path) in allowed, hits


def test_public_functions_of_the_shop_window_say_what_they_raise_and_return():
    for name in allocator.__all__:
        thing = getattr(allocator, name)
        if inspect.isfunction(thing):
            assert thing.__doc__
            assert "Raises" in thing.__doc__ or name in {"shifts_of", "hours_of"}, name


TAKES_OPTIONS = {
    "allocate": 3, "area_needs": 4, "backtest": 1, "plan_outreach": 4, "read_area": 1, "replan": 1,
    "survey_means": 1,
}  # fmt: skip
"""Public functions with typed keywords behind `**`, and how many arguments come first."""


def test_typed_keywords_are_shown_documented_and_misspelt_ones_refused():
    functions = {name: getattr(allocator, name) for name in allocator.__all__}
    functions = {name: thing for name, thing in functions.items() if inspect.isfunction(thing)}
    assert {name for name, thing in functions.items() if hasattr(thing, "__wrapped__")} == set(TAKES_OPTIONS)
    for name in TAKES_OPTIONS:
        thing = functions[name]
        *own, options = inspect.signature(thing.__wrapped__).parameters.values()
        kind = re.fullmatch(r"Unpack\[(\w+)\]", options.annotation)[1]
        typed = set(vars(sys.modules[thing.__module__])[kind].__annotations__)
        shown = inspect.signature(thing).parameters
        assert typed == set(shown) - {one.name for one in own}, f"{name}: typed, and shown by help()"
        for key in typed:
            assert re.search(rf"^    (\w+, )*{key}(, \w+)*( :|$)", thing.__doc__, flags=re.M), f"{name}: {key}"
        needed = {key: None for key, one in shown.items() if one.kind is one.KEYWORD_ONLY and one.default is one.empty}
        with pytest.raises(TypeError, match=rf"{name}\(\) got an unexpected keyword argument 'nonsense'"):
            thing(*[None] * TAKES_OPTIONS[name], **needed, nonsense=1)


def test_a_misspelt_keyword_names_the_nearest():
    with pytest.raises(TypeError, match=r"backtest\(\) got an unexpected .* 'fold' \(did you mean 'folds'\?\)"):
        allocator.backtest(None, fold=3)
    with pytest.raises(TypeError, match=r"plan_outreach\(\) misses the keyword arguments .*first_day, weeks"):
        allocator.plan_outreach(None, None, None, None, section=None)
    assert inspect.signature(allocator.backtest).parameters["folds"].default > 0


def test_nothing_of_this_machine_is_committed():
    texts = [
        *MODULES,
        ROOT / "pyproject.toml",
        ROOT / "constraints.txt",
        ROOT / "Makefile",
        *ROOT.glob("configs/*.toml"),
    ]
    for path in texts:
        text = path.read_text()
        assert str(ROOT) not in text, path
        assert f"{Path.home()}/" not in text, path
        assert "pypi" not in text.lower(), path
    pins = (ROOT / "constraints.txt").read_text().split()
    assert all(re.fullmatch(r"[A-Za-z0-9_.\-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)


def test_the_demo_city_is_the_one_that_the_code_makes():
    from allocator.pipeline import synthetic_files

    for name, content in synthetic_files(seed=0).items():
        assert (ROOT / "configs" / "demo" / name).read_text() == content, name
    template = (PACKAGE / "pipeline" / "job_template.toml").read_text()
    made = template.replace("{data}", "demo/").replace("{runs}", "../runs/demo")
    assert (ROOT / "configs" / "demo.toml").read_text() == made


# --- floors, kept by import-linter -------------------------------------------------------------------------------

PLANTED = {
    "Floors": ("domain/roster.py", "from allocator.io.job import read_job"),
    "Floors: a module that chose none": ("stray.py", "from allocator.errors import DataError"),
    "Rooms of planning": ("planning/staffing/queueing.py", "from allocator.planning.patrol import allocate"),
    "Rooms: no cycles": ("report/look/fonts.py", "from allocator.report.run.summary import figures"),
    "numba": ("risk/training.py", "import numba"),
    "LightGBM": ("risk/models/glm.py", "import lightgbm"),
    "OR-Tools": ("planning/routes/tours.py", "import ortools"),
    "PyVRP": ("planning/routes/tours.py", "import pyvrp"),
    "matplotlib": ("evaluation/bootstrap.py", "import matplotlib"),
    "Bokeh": ("report/routes.py", "import bokeh"),
    "ReportLab": ("report/roster.py", "import reportlab"),
    "XlsxWriter": ("report/routes.py", "import xlsxwriter"),
    "openpyxl": ("report/roster.py", "import openpyxl"),
    "Typer": ("pipeline/run.py", "import typer"),
    "Rich": ("pipeline/run.py", "import rich"),
}
"""For each contract, a line that breaks it. All at once: what one of them leaves unseen another would hide."""


def linted(folder: Path) -> str:
    """What import-linter prints for the package in a folder."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    room = {"PYTHONPATH": str(folder), "PATH": "", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=folder, capture_output=True, text=True, env=room
    )
    return done.stdout + done.stderr


@pytest.mark.slow
def test_each_contract_fails_where_it_is_broken(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "allocator", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    contracts = [contract["name"] for contract in settings["contracts"]]
    before = linted(tmp_path)
    for name in contracts:
        assert f"{name} KEPT" in before, before[-3000:]
        assert any(name.startswith(head.partition(": a")[0]) for head in PLANTED), f"nothing is planted for {name!r}"
    for where, line in PLANTED.values():
        path = tmp_path / "allocator" / where
        path.write_text((path.read_text() if path.exists() else '"""Stray."""\n') + f"\n{line}\n")
    after = linted(tmp_path)
    for name in contracts:
        assert f"{name} BROKEN" in after, after[-3000:]
    assert "stray" in after


def test_sqlite_is_imported_in_one_place():
    users = [shown(path) for path in MODULES if re.search(r"^\s*(import|from) sqlite3\b", path.read_text(), flags=re.M)]
    assert users == ["io/gis/layers.py"]


@pytest.mark.parametrize(
    ("module", "kept_out"),
    [
        ("allocator", ("numpy", "pandas", "pydantic")),
        ("allocator.config", ("numpy", "pandas", "shapely")),
        ("allocator.domain", ("geopandas", "numba", "lightgbm", "ortools", "matplotlib")),
        ("allocator.cli", ("numpy", "pandas", "pydantic", "rich.progress")),
    ],
)
def test_nouns_are_cheap_to_import(module, kept_out):
    code = f"import sys, {module}; print(*[name for name in {kept_out!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# --- tests and pages ---------------------------------------------------------------------------------------------


def test_tests_mirror_the_tree():
    for path in (ROOT / "tests").rglob("test_*.py"):
        room = path.parent.relative_to(ROOT / "tests")
        if room in (Path("fuzz"), Path("benchmarks")):  # drivers that go through every room; scripts outside it
            continue
        assert (PACKAGE / room / "__init__.py").exists(), f"{room} is no room of the package"


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_reach_into_no_private_names(path):
    reached = []
    for node in ast.walk(ast.parse(path.read_text())):
        own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        foreign = isinstance(node, ast.Attribute) and node.attr == "_images"  # openpyxl tells pictures nowhere else
        if isinstance(node, ast.Attribute) and re.fullmatch(r"_[a-z]\w*", node.attr) and not (own or foreign):
            reached.append(node.attr)
        if isinstance(node, ast.ImportFrom):
            reached += [one.name for one in node.names if re.fullmatch(r"_[a-z]\w*", one.name)]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            reached += re.findall(r"^allocator[\w.]*\.(_[a-z]\w*)$", node.value)
    assert not reached


def test_the_picture_of_the_house_agrees_with_the_tree():
    """Every floor and room stands in the picture of the guide, and nothing else does."""
    page = (PACKAGE / "README.md").read_text()
    picture = re.findall(r"```\nallocator\n(.*?)```", page, flags=re.S)[0]
    drawn: dict[str, list[str]] = {}
    for line in picture.splitlines():
        name, _, inside = line.partition("  ")
        drawn[name.strip(" ├└─/")] = re.findall(r"[a-z_]+", inside.partition("—")[0])
    there = {name: entries(PACKAGE / name) if (PACKAGE / name).is_dir() else [] for name in entries(PACKAGE)}
    assert {name: sorted(inside) for name, inside in drawn.items()} == there


def run_example(page: str, folder: Path) -> dict[str, object]:
    code = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.S)[0]
    known: dict[str, object] = {}
    exec(compile(code.replace("runs/mine", str(folder / "run")), page, "exec"), known)
    return known


@pytest.mark.slow
def test_the_python_example_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    known = run_example("README.md", tmp_path)
    assert (tmp_path / "run" / "report.html").stat().st_size > 1_000_000
    assert "3P4" not in set(known["revised"].plan.visits["unit"][known["revised"].plan.visits["start"] > "2026-03-05"])


@pytest.mark.slow
def test_the_python_example_for_integrators_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    known = run_example("src/allocator/README.md", tmp_path)
    assert known["surface"].mean.shape[0] == 1
    assert "DRUGS" not in known["surface"].kinds


def test_the_tables_of_the_readme_are_those_of_the_benchmarks():
    spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "tools" / "readme_tables.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = (ROOT / "README.md").read_text()
    assert tool.filled(text) == text
    assert len(tool.forecasts().splitlines()) > 10
    assert "| last_year |" in tool.plans()


@pytest.mark.parametrize("page", ["README.md", "configs/README.md", "src/allocator/README.md", "benchmarks/README.md"])
def test_what_a_readme_points_to_is_there(page):
    folder = (ROOT / page).parent
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (folder / target).exists(), target
    for named in re.findall(r"`((?:\.\./)*(?:configs|benchmarks|src|season|tests)/[\w./-]+)`", text):
        base = ROOT if not named.startswith("..") and (ROOT / named).exists() else folder
        assert (base / named).exists(), named
