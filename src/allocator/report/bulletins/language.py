"""Languages of what the public reads: gettext catalogues in `locale/`; another is added as a folder there."""

from __future__ import annotations

import datetime as dt
import functools
import gettext
import importlib.resources as resources
from dataclasses import dataclass
from pathlib import Path

from allocator.errors import ConfigError, nearest
from allocator.report.look import public_text

SOURCE = "en"
"""The language of the texts in the code."""


def marked(text: str) -> str:
    """Return the text as it is: it stands in the catalogues, and is translated where it is said."""
    return text


WEEKDAYS = (
    marked("Monday"), marked("Tuesday"), marked("Wednesday"), marked("Thursday"), marked("Friday"),
    marked("Saturday"), marked("Sunday"),
)  # fmt: skip
MONTHS = (
    marked("January"), marked("February"), marked("March"), marked("April"), marked("May"), marked("June"),
    marked("July"), marked("August"), marked("September"), marked("October"), marked("November"), marked("December"),
)  # fmt: skip
LANGUAGES = {
    "ar": marked("Arabic"), "de": marked("German"), "en": marked("English"), "es": marked("Spanish"),
    "fr": marked("French"), "hi": marked("Hindi"), "ht": marked("Haitian Creole"), "it": marked("Italian"),
    "ko": marked("Korean"), "pl": marked("Polish"), "pt": marked("Portuguese"), "ru": marked("Russian"),
    "so": marked("Somali"), "tl": marked("Tagalog"), "uk": marked("Ukrainian"), "ur": marked("Urdu"),
    "vi": marked("Vietnamese"), "zh": marked("Chinese"),
}  # fmt: skip
"""Names of languages by their codes; what is not listed is shown as it stands in the plan."""
KINDS = {
    "arson": marked("Arson"), "assault": marked("Assault"), "battery": marked("Battery"),
    "burglary": marked("Burglary"), "criminal damage": marked("Criminal damage"),
    "criminal sexual assault": marked("Sexual assault"), "criminal trespass": marked("Trespass"),
    "deceptive practice": marked("Fraud and deception"), "fraud": marked("Fraud"), "homicide": marked("Homicide"),
    "kidnapping": marked("Kidnapping"), "larceny": marked("Theft"), "motor vehicle theft": marked("Vehicle theft"),
    "narcotics": marked("Drug offenses"), "offense involving children": marked("Offenses against children"),
    "other offense": marked("Other offenses"), "public peace violation": marked("Breach of the peace"),
    "robbery": marked("Robbery"), "sex offense": marked("Sexual offenses"), "stalking": marked("Stalking"),
    "theft": marked("Theft"), "vandalism": marked("Vandalism"), "vehicle theft": marked("Vehicle theft"),
    "weapons violation": marked("Weapons offenses"),
}  # fmt: skip
"""Plain names of offence kinds."""


@dataclass(frozen=True)
class Language:
    """A language that texts are said in.

    Parameters
    ----------
    code : str
        Such as "es".
    catalogue : gettext.NullTranslations
        Its texts.
    """

    code: str
    catalogue: gettext.NullTranslations

    def say(self, text: str, **values: object) -> str:
        """Return a text of the catalogue with its values."""
        return self.catalogue.gettext(text).format(**values)

    def count(self, one: str, many: str, n: int, **values: object) -> str:
        """Return the text for one, or for `n`, in the plural of the language."""
        return self.catalogue.ngettext(one, many, n).format(n=n, **values)

    def date(self, day: dt.date) -> str:
        """Return a day such as "Monday, January 8"."""
        weekday, month = self.say(WEEKDAYS[day.weekday()]), self.say(MONTHS[day.month - 1])
        return self.say("{weekday}, {month} {day}", weekday=weekday, month=month, day=day.day)

    def clock(self, time: dt.datetime) -> str:
        """Return a time of day such as "6:30 p.m."."""
        hour, minute = (time.hour - 1) % 12 + 1, f"{time.minute:02}"
        if time.hour < 12:
            return self.say("{hour}:{minute} a.m.", hour=hour, minute=minute)
        return self.say("{hour}:{minute} p.m.", hour=hour, minute=minute)

    def kind(self, name: str) -> str:
        """Return the plain name of an offence kind; blank if it may not be shown."""
        if known := KINDS.get(name.lower().replace("offence", "offense")):
            return self.say(known)
        text = public_text(name)
        return text.capitalize() if text.isupper() else text

    def languages(self, codes: str) -> str:
        """Return the names of languages from codes with `;` between."""
        parts = [part.strip() for part in codes.split(";") if part.strip()]
        names = [self.say(LANGUAGES[part]) if part in LANGUAGES else public_text(part) for part in parts]
        return ", ".join(name for name in names if name)


def language_codes() -> tuple[str, ...]:
    """Return the languages there are catalogues for."""
    folder = resources.files("allocator.report.bulletins").joinpath("locale")
    return tuple(sorted({SOURCE, *(entry.name for entry in folder.iterdir() if entry.is_dir())}))


@functools.cache
def language(code: str) -> Language:
    """Return a language.

    Raises
    ------
    ConfigError
        If there is no catalogue of it.
    """
    if code not in (known := language_codes()):
        raise ConfigError(
            f"there is no catalogue of the language {code!r}{nearest(code, known)}: there are {', '.join(known)}; "
            "another is added as report/bulletins/locale/<code>/LC_MESSAGES/allocator.mo"
        )
    if code == SOURCE:
        return Language(code, gettext.NullTranslations())
    with resources.as_file(resources.files("allocator.report.bulletins").joinpath("locale")) as folder:
        return Language(code, gettext.translation("allocator", Path(folder), [code]))
