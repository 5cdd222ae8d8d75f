"""The door is closed to persons: which column names look as if they describe one."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PERSON_WORDS = frozenset([
    "victim", "victims", "vict", "vic", "suspect", "suspects", "susp", "offender", "offenders", "arrestee",
    "complainant", "caller", "witness", "witnesses", "defendant", "perpetrator", "perp", "driver", "owner",
    "resident", "surname", "forename", "firstname", "lastname", "fullname", "dob", "birth", "birthdate",
    "birthday", "age", "ages", "sex", "gender", "race", "ethnicity", "ethnic", "descent", "nationality",
    "religion", "plate", "plates", "vin", "ssn", "passport", "phone", "telephone", "mobile", "email", "mail",
    "address", "contact", "person", "persons", "badge",
    "patient", "patients", "juvenile", "juveniles", "occupant", "occupants", "parolee", "parolees", "hispanic",
    "addr", "dl",
])  # fmt: skip
_NAMED_PERSONS = frozenset([
    "officer", "first", "last", "full", "middle", "given", "family", "maiden", "leader", "subject", "arrest",
    "complaint", "gang", "respondent", "interviewer",
])  # fmt: skip
_NAME_WORDS = frozenset(["name", "names", "nm"])
_PREFIXES = (
    "victim", "suspect", "perpetrator", "offender", "officername", "firstname", "lastname", "fullname",
    "surname", "birth", "dateofbirth", "licenseplate", "licenceplate", "phonenumber", "telephone", "emailaddress",
)  # fmt: skip
# A block's address and a count of crimes against persons describe no one; "officer initiated" is an origin.
_HARMLESS_WORDS = frozenset(["block", "hundred", "100", "against", "initiated", "generated"])


def looks_personal(column: str) -> bool:
    """Return whether a column's name looks as if it described a person.

    Whole words decide, so that `premises`, `average` or `case_number` pass while `vict_age` does not.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(column))
    words = re.findall(r"[a-z]+|\d+", spaced.lower())
    if _HARMLESS_WORDS & set(words):
        return False
    if _PERSON_WORDS & set(words) or "".join(words).startswith(_PREFIXES):
        return True
    if _NAME_WORDS & set(words):
        return words in (["name"], ["names"]) or bool(_NAMED_PERSONS & set(words))
    return "officer" in words


def personal_columns(columns: Iterable[str]) -> tuple[str, ...]:
    """Return those of the columns that look personal, in their order."""
    return tuple(name for name in columns if looks_personal(name))
