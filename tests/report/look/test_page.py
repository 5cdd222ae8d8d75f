"""Blocks of a page."""

import pandas as pd

from allocator.report.look import Table


def test_words_stand_in_a_column_of_figures():
    frame = pd.DataFrame({"district": ["A", "B", "C"], "wait": [1.25, "without end", None]})
    table = Table(frame, "Waits", {"wait": "{:.1f}", "district": "{}"})
    assert [row[1] for row in table.rows[:2]] == [("1.2", True), ("without end", False)]
    assert table.rows[2][1][0] == "–"
