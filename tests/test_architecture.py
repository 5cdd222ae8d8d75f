"""What the design promises about the code itself."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from numba.core.registry import CPUDispatcher

import allocator
import naive
from allocator import errors

PACKAGE = Path(allocator.__file__).parent
ROOT = PACKAGE.parents[1]
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_the_shop_window_is_complete_sorted_and_loads():
    assert allocator.__all__ == sorted(allocator.__all__)
    for name in allocator.__all__:
        assert getattr(allocator, name).__doc__, name
    assert dir(allocator) == allocator.__all__
    with pytest.raises(AttributeError, match="nothing"):
        _ = allocator.nothing


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
            assert hasattr(naive, twins.get(name, name)), f"{name} has no twin in tests/naive.py"
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
    }
    for name, (exit_code, http_status) in codes.items():
        kind = getattr(errors, name)
        assert issubclass(kind, errors.AllocatorError)
        assert (kind.exit_code, kind.http_status) == (exit_code, http_status)
        assert name in (errors.__doc__ or "")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_open_no_files_and_no_connections_outside_the_io_room(path):
    calls = re.compile(
        r"\bopen\(|read_text\(|read_bytes\(|write_text\(|write_bytes\(|read_csv\(|read_parquet\(|urlopen|requests\.|socket\."
    )
    hits = [line.strip() for line in path.read_text().splitlines() if calls.search(line)]
    room = path.relative_to(PACKAGE).parts[0]
    # The pipeline hashes inputs, reads the packaged job template, and writes it through io.whole_folder.
    allowed = {"io": True, "pipeline": True, "cli": True}
    assert not hits or allowed.get(room), hits


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_functions_are_short_and_take_few_arguments(path):
    tree = ast.parse(path.read_text())
    limit = 80 if "kernels" in path.parts else 60
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = node.body[min(int(ast.get_docstring(node) is not None), len(node.body) - 1)]
            body = (node.end_lineno or 0) - first.lineno + 1
            assert body <= limit, f"{node.name} has {body} lines"


def test_public_functions_of_the_shop_window_say_what_they_raise_and_return():
    for name in allocator.__all__:
        thing = getattr(allocator, name)
        if inspect.isfunction(thing):
            assert thing.__doc__
            assert "Raises" in thing.__doc__ or name in {"shifts_of", "hours_of"}, name


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
    from allocator.pipeline.old import synthetic_files

    for name, content in synthetic_files(seed=0).items():
        assert (ROOT / "configs" / "demo" / name).read_text() == content, name
    template = (PACKAGE / "pipeline" / "job_template.toml").read_text()
    made = template.replace("{data}", "demo/").replace("{runs}", "../runs/demo")
    assert (ROOT / "configs" / "demo.toml").read_text() == made


def run_example(page: str, folder: Path) -> dict[str, object]:
    code = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.S)[0]
    known: dict[str, object] = {}
    exec(compile(code.replace("runs/mine", str(folder / "run")), page, "exec"), known)
    return known


def test_the_python_example_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    known = run_example("README.md", tmp_path)
    assert (tmp_path / "run" / "report.html").stat().st_size > 1_000_000
    assert "3P4" not in set(known["revised"].plan.visits["unit"][known["revised"].plan.visits["start"] > "2026-03-05"])


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


ENGINES = {
    "bokeh": {"report/citymap.py"}, "xlsxwriter": {"report/workbook.py"}, "openpyxl": {"io/workbook.py"},
    "reportlab": {"report/briefings_pdf.py"}, "sqlite3": {"io/layers.py"},
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_is_imported_in_one_place(engine):
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(rf"^\s*(import|from) {engine}\b", path.read_text(), flags=re.M)
    }
    assert found == ENGINES[engine]
