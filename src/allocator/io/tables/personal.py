"""The door is closed to persons: which column names look as if they describe one."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping

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


def personal_faults(columns: Mapping[str, str], *, meant: Iterable[str] = ()) -> list[str]:
    """Return a fault for each mapped column that looks personal and is not meant to be read all the same.

    Parameters
    ----------
    columns : mapping of str to str
        Role → column.
    meant : iterable of str
        Columns that a job says hold nothing about persons (`not_personal`).
    """
    return [
        f"columns.{role} = {name!r} looks personal: allocator forecasts places, never persons; if it holds nothing "
        "about persons, name it in not_personal"
        for role, name in columns.items()
        if looks_personal(name) and name not in set(meant)
    ]


_HONORIFICS = (
    "mr", "mrs", "mx", "dr", "prof", "professor", "officer", "ofc", "sgt", "sergeant", "lt",
    "lieutenant", "capt", "captain", "chief", "det", "detective", "deputy", "sheriff", "constable", "inspector",
    "commander", "pastor", "rev", "reverend", "rabbi", "imam", "alderman", "councillor",
    "councilman", "councilwoman", "senator", "señor", "señora", "sr", "sra", "doña",
)  # fmt: skip
_GIVEN_NAMES = frozenset([
    "james", "john", "robert", "michael", "david", "william", "richard", "joseph", "thomas", "charles", "christopher",
    "daniel", "matthew", "anthony", "donald", "steven", "andrew", "paul", "joshua", "kenneth", "kevin",
    "brian", "timothy", "ronald", "jason", "george", "edward", "jeffrey", "ryan", "jacob", "nicholas", "gary", "eric",
    "jonathan", "stephen", "larry", "scott", "benjamin", "gregory", "samuel", "patrick", "alexander",
    "peter", "mary", "patricia", "jennifer", "linda", "elizabeth", "barbara", "susan", "jessica", "sarah", "karen",
    "lisa", "nancy", "betty", "margaret", "sandra", "ashley", "kimberly", "emily", "donna", "michelle", "carol",
    "amanda", "melissa", "deborah", "stephanie", "rebecca", "laura", "helen", "sharon", "cynthia", "kathleen", "amy",
    "angela", "anna", "emma", "nicole", "samantha", "katherine", "christine", "rachel", "julia", "olivia", "sophia",
    "jane", "jose", "josé", "juan", "luis", "carlos", "jorge", "miguel", "pedro", "manuel", "francisco", "antonio",
    "alejandro", "rafael", "fernando", "ricardo", "eduardo", "maria", "maría", "guadalupe", "carmen", "rosa", "ana",
    "isabel", "lucia", "lucía", "elena", "sofia", "sofía", "mohammed", "muhammad", "ahmed", "fatima", "aisha", "wei",
    "ming",
])  # fmt: skip
# An institution may bear a person's name: the Martin Luther King Library is no person.
_INSTITUTIONS = re.compile(
    r"(?i)\b(library|elementary|high|cent(?:er|re)|school|academy|college|church|chapel|temple|mosque|synagogue|park|hall|house|hospital|"
    r"clinic|foundation|fund|association|society|club|council|institute|theat(?:er|re)|gymnasium|museum|university|"
    r"league|trust|plaza|court|towers?|homes|apartments|mission|ministr(?:y|ies)|initiative|coalition|alliance|ymca|ywca|"
    r"biblioteca|escuela|iglesia|centro|parque|fundaci[oó]n|asociaci[oó]n|market|station|garden)\b"
)
_BEARS_NAME = re.compile(rf"(?:[A-Z][\w'’.-]*\s+)*{_INSTITUTIONS.pattern.removeprefix('(?i)')}", re.IGNORECASE)
_PLACES = frozenset(["north", "south", "east", "west", "central", "city", "downtown", "district", "local"])
_ROLES = frozenset(["board", "committee", "association", "foundation", "branch", "section", "unit", "president",
    "admin", "alerts", "calendar", "care", "center", "centre", "chair", "clinic", "club", "community", "contact",
    "coordination", "coordinator", "council", "desk", "director", "education", "engagement", "events", "facilities",
    "feedback", "frontdesk", "general", "grants", "hall", "hello", "help", "helpdesk", "hub", "info", "information",
    "inquiries", "enquiries", "liaison", "library", "mail", "mailbox", "manager", "media", "members", "neighborhood",
    "neighbourhood", "news", "newsletter", "office", "operations", "outreach", "partners", "partnerships", "police",
    "prevention", "press", "principal", "programme", "programmes", "program", "programs", "public", "reception",
    "registrar", "safety", "school", "secretary", "services", "staff", "support", "team", "training", "venue", "venues",
    "volunteer", "volunteers", "watch", "workshops", "youth",
])  # fmt: skip


def names_person(text: str) -> str:
    """Return the part of a text that looks like a person's name, "" where there is none.

    A title with a capitalised word ("Officer Smith"), or a common given name with one ("Maria Lopez"), unless the text
    names an institution that bears it ("Maria Lopez Community Center").
    """
    words = re.findall(r"[^\W\d_][\w'’-]*\.?", text)
    for word, after in itertools.pairwise(words):
        if not after[:1].isupper() or _INSTITUTIONS.match(after):
            continue
        title = word.lower().rstrip(".") in _HONORIFICS and word[:1].isupper()
        given = word.lower() in _GIVEN_NAMES and word[:1].isupper()
        rest = text[text.index(f"{word} {after}") + len(word) + 1 :] if f"{word} {after}" in text else after
        # Only what follows as one name: "Maria Lopez Community Center", not "Maria Lopez at the Library".
        if (title or given) and not _BEARS_NAME.match(rest):
            return f"{word} {after}"
    return ""


def is_role_mailbox(text: str, organisation: str = "") -> bool:
    """Return whether an e-mail address belongs to a role ("outreach.north@…") rather than to a person.

    Every word of it must be one of a role, a compass direction, or of the organisation's own name, and one a role.
    """
    address = re.fullmatch(r"([A-Za-z0-9._+-]+)@[A-Za-z0-9.-]+\.[A-Za-z]{2,}", text)
    if not address:
        return False
    words = {word for word in re.split(r"[._+-]+|\d+", address[1].lower()) if word}
    own = set(re.findall(r"[a-z]+", organisation.lower())) - _GIVEN_NAMES
    return bool(words & _ROLES) and words <= _ROLES | _PLACES | own
