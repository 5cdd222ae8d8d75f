"""The limits of routes and plans, by plain loops over the visits."""

from __future__ import annotations

import numpy as np
import pandas as pd


def assert_kept(terms, blocks, posting, visits) -> None:
    """Assert that no limit is broken, by plain loops over the visits."""
    block = terms.allocation.block_minutes
    delivered = visits.delivered_blocks(blocks.shape)
    assert (delivered <= blocks).all()
    for (s, u), rows in pd.DataFrame({"s": visits.shift, "u": visits.unit}).groupby(["s", "u"]).indices.items():
        shift, unit = terms.roster.shifts[s], terms.roster.units[u]
        start, cell = visits.start[rows], visits.cell[rows]
        first, last = shift.start.timestamp() / 60, shift.stop.timestamp() / 60
        assert (terms.problem.district[cell] == posting[u, s]).all()
        assert start[0] >= first + terms.routes.briefing_minutes
        assert start[-1] + block <= last
        speed = unit.speed_kmh or terms.routes.speed_kmh
        leg = terms.travel.minutes(cell[:-1], cell[1:], speed_kmh=speed).diagonal()
        free = np.diff(start) - block - leg
        assert (free >= -1e-6).all()
        assert len(rows) * block + leg.sum() <= terms.allocation.directed_share * shift.minutes + 1e-6
        pause = terms.routes.break_minutes
        if pause and shift.minutes >= terms.routes.break_from_hours * 60:
            opens, closes = (first + share * shift.minutes for share in terms.routes.break_window)
            ends = np.r_[first, start + block], np.r_[start, last]
            way = np.r_[0.0, leg, 0.0]
            room = [
                min(b, closes) - max(a, opens) >= pause and b - a >= pause + w
                for a, b, w in zip(*ends, way, strict=True)
            ]
            assert any(room)
    for _, rows in pd.DataFrame({"s": visits.shift, "c": visits.cell}).groupby(["s", "c"]).indices.items():
        order = rows[np.argsort(visits.start[rows])]
        assert (np.diff(visits.start[order]) >= block + terms.routes.return_minutes).all()
        assert visits.nth[order].tolist() == list(range(len(order)))


def assert_sound(run, *, since=None):
    """No unit in two places at once, nobody at work who is off duty, no visit outside its shift or cap."""
    visits = run.plan.visits.sort_values(["unit", "start"])
    same = visits["unit"].to_numpy()[1:] == visits["unit"].to_numpy()[:-1]
    assert (visits["start"].to_numpy()[1:] >= visits["stop"].to_numpy()[:-1])[same].all()
    shifts = {shift.id: shift for shift in run.roster.shifts}
    for row in run.plan.visits.itertuples():
        assert shifts[row.shift].start <= row.start.to_pydatetime()
        assert row.stop.to_pydatetime() <= shifts[row.shift].stop
        if since is not None and row.start >= since:
            assert (row.unit, row.shift) in run.roster.duty
    for _, own in run.plan.visits.groupby(["shift", "unit"]):
        assert own["seq"].tolist() == list(range(1, len(own) + 1))
    units = run.plan.staffing.groupby("shift", sort=False)["units_assigned"].sum()
    assert (units.to_numpy() <= run.problem.on_duty).all()
    assert run.plan.delivered <= run.plan.bound + 1e-9
