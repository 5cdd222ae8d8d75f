"""Small tables read row by row, every fault at once."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from allocator.errors import DataError, nearest, some
from allocator.facts import Note, note
from allocator.io.tables.files import read_small_table, require_columns
from allocator.io.tables.personal import personal_columns

_MOST_NUMBER = 1e9
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FOREIGN_DAYS = (
    "lunes lun segunda segunda-feira lundi montag mo", "martes mar terça terca terça-feira mardi dienstag di",
    "miércoles miercoles mié mie quarta quarta-feira mercredi mer mittwoch mi",
    "jueves jue quinta quinta-feira jeudi jeu donnerstag do", "viernes vie sexta sexta-feira vendredi ven freitag fr",
    "sábado sabado sáb sab samedi sam samstag sonnabend sa", "domingo dom dimanche dim sonntag so",
)  # fmt: skip
_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Sheet:
    """A small table read row by row; collects the faults of all rows and raises them together."""

    def __init__(
        self, path: str | Path, *, required: Sequence[str], optional: Sequence[str] = (),
        frame: pd.DataFrame | None = None, entry: str = "row",
    ) -> None:  # fmt: skip
        self.name, self._entry = Path(path).name, entry
        self.frame = read_small_table(path) if frame is None else frame
        self.faults: list[str] = []
        self.notes: tuple[Note, ...] = ()
        self.row, self.values = 0, dict[str, str]()
        columns = list(self.frame.columns)
        require_columns(required, columns, where=self.name)
        others = [name for name in columns if name not in (*required, *optional)]
        if personal := personal_columns(others):
            raise DataError(
                f"{self.name} has columns that look personal: {some(personal, 10)}; allocator plans units "
                "and teams, never persons: remove them",
                column=personal[0],
                count=len(personal),
            )
        if others:
            self.notes = (note("history.columns_not_used", file=self.name, columns=others),)

    def rows(self) -> Iterator[int]:
        """Yield row numbers as a spreadsheet shows them (the header is row 1); blank rows are passed over."""
        records = self.frame.to_dict("records")
        first = 2 if self._entry.endswith("row") else 1
        for self.row, record in enumerate(records, first):
            self.values = {str(name): str(value) for name, value in record.items()}
            if any(self.values.values()):
                yield self.row

    @property
    def place(self) -> str:
        """Where the current row stands, such as "row 4"."""
        return f"{self._entry} {self.row}"

    def fault(self, text: str) -> None:
        """Note a fault of the current row."""
        self.faults.append(f"{self.place}: {text}")

    def text(self, column: str, default: str = "", *, required: bool = False) -> str:
        """Return the text of a column."""
        value = self.values.get(column, "")
        if required and not value:
            self.fault(f"{column} is blank")
        return value or default

    def parts(self, column: str) -> tuple[str, ...]:
        """Return the parts of a `;` separated list."""
        return tuple(part.strip() for part in self.text(column).split(";") if part.strip())

    def number(
        self, column: str, default: float | None = None, *, above: float | None = None, most: float = _MOST_NUMBER
    ) -> float:
        """Return a number of 0 or more (or above `above`), up to `most`; NaN after a fault."""
        value = self.text(column)
        if not value and default is not None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or number < 0 or (above is not None and number <= above):
            floor = f"above {above:g}" if above is not None else "of 0 or more"
            self.fault(f"{column} = {value!r} is not a number {floor}")
            return math.nan
        if number > most:
            self.fault(f"{column} = {value!r} is more than {most:,.0f}")
            return math.nan
        return number

    def whole(self, column: str, default: int | None = None, *, most: float = _MOST_NUMBER) -> int:
        """Return a whole number of 0 or more, up to `most`; 0 after a fault."""
        number = self.number(column, default, most=most)
        if math.isnan(number):
            return 0
        if number != int(number):
            self.fault(f"{column} = {self.text(column)!r} is not a whole number")
        return int(number)

    def clock(self, column: str) -> dt.time:
        """Return a time of day HH:MM; midnight after a fault."""
        value = self.text(column)
        try:
            return dt.time.fromisoformat(value.zfill(5) if len(value) < 6 else value)
        except ValueError:
            self.fault(f"{column} = {value!r} is not a time of day such as 09:30")
            return dt.time()

    def share(self, column: str, default: float | None = None) -> float:
        """Return a number from 0 to 1."""
        value = self.number(column, default)
        if value > 1:
            self.fault(f"{column} = {self.text(column)!r} is more than 1: it is a share")
        return value

    def dates(self, column: str) -> tuple[dt.date, ...]:
        """Return the dates of a `;` separated list; "2017-12-24..2018-01-02" is a span."""
        days: list[dt.date] = []
        for part in self.parts(column):
            first, _, last = part.partition("..")
            try:
                begin, end = dt.date.fromisoformat(first.strip()), dt.date.fromisoformat((last or first).strip())
            except ValueError:
                self.fault(f"{column}: {part!r} is not a date such as 2017-12-25, or a span 2017-12-24..2018-01-02")
                continue
            if not 0 <= (end - begin).days <= 3660:
                self.fault(f"{column}: {part!r} ends before it begins, or lasts more than ten years")
                continue
            days += [begin + dt.timedelta(days=n) for n in range((end - begin).days + 1)]
        return tuple(sorted(set(days)))

    def all_known(self, column: str, names: Iterable[str], what: str) -> tuple[str, ...]:
        """Return the parts of a `;` separated list, which must be among the names."""
        names, parts = tuple(names), self.parts(column)
        for part in parts:
            if part not in names:
                self.fault(f"{column}: unknown {what} {part!r}{nearest(part, names)}")
        return parts

    def flag(self, column: str) -> bool:
        """Return whether a column says yes; blank is no."""
        value = self.text(column).lower()
        if value not in ("", "yes", "no", "true", "false", "1", "0"):
            self.fault(f"{column} = {self.text(column)!r}: say yes or no")
        return value in ("yes", "true", "1")

    def known(self, column: str, names: Iterable[str], what: str, *, blank: bool = False) -> str:
        """Return the text of a column, which must be one of the names."""
        value, names = self.text(column), tuple(names)
        if value in names or (blank and not value):
            return value
        self.fault(f"unknown {what} {value!r}{nearest(value, names)}")
        return value

    def fresh(self, column: str, seen: set[str]) -> str:
        """Return the text of a column, which must not repeat."""
        value = self.text(column, required=True)
        if value and value in seen:
            self.fault(f"{column} {value!r} is used twice")
        seen.add(value)
        return value

    def close(self, about: str = "") -> None:
        """Raise all faults; `about` says where names come from that may be the fault of another file."""
        raise_faults(self.name, self.faults, about=about)


def raise_faults(name: str, faults: Sequence[str], *, about: str = "") -> None:
    """Raise all faults of a file, if there are any."""
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults):,} faults"
        raise DataError(f"{name} has {count}{f' ({about})' if about else ''}", faults=faults, count=len(faults))


def date_of(sheet: Sheet) -> dt.date | None:
    """Return the date in column `date`; None after a fault."""
    value = sheet.text("date")
    try:
        return dt.date.fromisoformat(value[:10])
    except ValueError:
        sheet.fault(f"date = {value!r} is not a date such as 2017-12-25")
        return None


def days_of(sheet: Sheet, days: list[dt.date]) -> list[dt.date]:
    """Return the days that fall on the weekday in column `weekday`."""
    number = weekday_of(sheet.text("weekday"))
    if number is None:
        sheet.fault(
            f"unknown weekday {sheet.text('weekday')!r}; use names, mon … sun: numbers mean other days from one "
            "program to the next"
        )
    return [day for day in days if day.weekday() == number]


def weekday_of(text: str) -> int | None:
    """Return the number of a weekday by its name in English, Spanish, Portuguese, French or German, Monday 0.

    None for anything else; numbers are not taken, as 0 is Sunday here and Monday there.
    """
    name = text.strip().lower()
    for row, names in enumerate(_FOREIGN_DAYS):
        if name in names.split():
            return row
    for row, (short, full) in enumerate(zip(WEEKDAYS, _DAY_NAMES, strict=True)):
        if len(name) >= 3 and full.startswith(name) and name.startswith(short):
            return row
    return None


def is_date(text: str) -> bool:
    """Return whether a text is a date such as 2017-12-25."""
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
