# Two commands for a new user: `make demo` and `make test`. Python 3.11 or newer and make are all they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-fast check fuzz bench stress catalogues readme clean

demo: $(VENV)/ready
	$(BIN)/allocator run configs/demo.toml --overwrite

# Two at a time: 9 minutes of work in 5 on 2 cores. A file's tests stay together, for they share what they set up.
test: $(VENV)/ready
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Without the tests that run whole jobs, for work in between.
test-fast: $(VENV)/ready
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The full counts that CI takes a fixed sample of: 500 toy cities per family of limits, 10,000 random larger ones;
# 300 and more toy calendars of outreach, 5,000 random seasons.
stress: $(VENV)/ready
	ALLOCATOR_TOYS=500 ALLOCATOR_CASES=10000 $(BIN)/python -m pytest tests/planning/allocation/test_limits.py -q
	ALLOCATOR_CALENDARS=400 ALLOCATOR_SEASONS=5000 $(BIN)/python -m pytest tests/planning/outreach/test_outreach_plan.py -q

# 10,000 cases: 2,000 spoiled jobs (500 of each way, a fifth of them also run), 500 run folders, 7,500 damaged files.
FUZZ = 500
fuzz: $(VENV)/ready
	$(BIN)/python -m pytest tests/fuzz -q -n 2 --dist load --fuzz-cases $(FUZZ)

# The texts of bulletins in other languages, after a change of a .po file.
catalogues:
	$(PYTHON) tools/catalogues.py

# The tables of README.md, from those of the benchmarks.
readme:
	$(PYTHON) tools/readme_tables.py

bench: $(VENV)/ready
	$(BIN)/python -m pytest benchmarks -q

$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@echo "compiling kernels, once ..."
	@$(BIN)/python -c 'from allocator.cli.bench import warm_up; warm_up()'
	@touch $@

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache
