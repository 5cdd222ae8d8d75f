"""Commands about this machine: what is installed, and how fast it is."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from allocator.cli.app import AsJson, app


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say which versions and how many cores are here, and whether anything clashes."""
    from allocator.cli.doctor import examine

    found = examine()
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        for name, value in found["versions"].items():
            typer.echo(f"{name:<12}{value}")
        typer.echo(f"{'cores':<12}{found['cores']}\n{'memory':<12}{found['memory_gb']} GB")
        for line in found["problems"] or ["no problem found"]:
            typer.echo(line)
    if found["problems"]:
        raise typer.Exit(1)


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="features, fit, allocate, run, or all.")] = "all",
    cells: Annotated[int, typer.Option(min=10, max=1_000_000)] = 10_000,
    shifts: Annotated[int, typer.Option(min=1, max=1000)] = 21,
    units: Annotated[int, typer.Option(min=1, max=100_000, help="Units on duty per shift.")] = 200,
    districts: Annotated[int, typer.Option(min=1, max=10_000)] = 25,
    repeats: Annotated[int, typer.Option(min=1, max=1000)] = 5,
    seed: int = 0,
    as_json: AsJson = False,
) -> None:
    """Time the stages on synthetic data of a given size."""
    from allocator.cli.bench import Size, measure

    for result in measure(name, Size(cells, shifts, units, districts), repeats=repeats, seed=seed):
        if as_json:
            typer.echo(json.dumps(result))
        else:
            own = ", ".join(f"{key} {result[key]:,.6g}" for key in ("objective", "bound", "gap") if key in result)
            typer.echo(f"{result['name']:<10}{result['seconds']:8.3f} s  {result['peak_mb'] or 0:7.0f} MB  {own}")
