"""What helps against which kinds of offences. No tip blames those who were harmed, and none asks to watch people."""

from __future__ import annotations

import re

from allocator.report.bulletins.language import marked

FAMILIES: dict[str, str] = {
    "other": r"sex\w*|homicide|murder|child\w*|kidnapping|stalking",
    "vehicle": r"vehicles?|auto|autos|motor|car|cars|carjacking|truck|motorcycle",
    "burglary": r"burglary|burglaries|break-?in|breaking|housebreaking",
    "robbery": r"robbery|robberies|mugging",
    "fraud": r"fraud|deceptive|deception|scam|scams|forgery|identity|counterfeit\w*|embezzlement",
    "assault": r"assault|battery|violence|violent|wounding|injury|fight|fights",
    "damage": r"damage|vandalism|arson|graffiti|mischief",
    "theft": r"theft|thefts|larceny|stealing|shoplifting|pickpocket\w*|stolen",
}
"""Families of kinds, by words in the name of the kind; the first that fits counts, "other" where none does."""

TIPS: dict[str, tuple[str, ...]] = {
    "burglary": (
        marked("Lock doors and windows when everyone is out, even for a short time."),
        marked("A lamp on a timer makes a home look lived in."),
        marked("Neighbors who look after each other's homes and parcels help everyone."),
        marked("Ask your landlord or the city about free checks of locks and lights."),
    ),
    "vehicle": (
        marked("Lock the vehicle and take the key along, even for a short stop."),
        marked("Take bags, tools and chargers out of the vehicle or out of view."),
        marked("A steering lock that can be seen makes theft harder; ask whether a free one is offered."),
    ),
    "theft": (
        marked("Note the serial numbers of phones, bicycles and tools: it helps to get them back."),
        marked("Lock a bicycle by its frame to a fixed stand."),
        marked("Have parcels held at a pickup point when nobody is home."),
    ),
    "robbery": (
        marked("If someone threatens you, your safety comes first: things can be replaced."),
        marked("Turn on the functions of your phone that locate and lock it; they work after it is gone."),
        marked("Support after a robbery is free and confidential, with or without a report."),
        marked("Shops can help with bright entrances and little cash in the till."),
    ),
    "assault": (
        marked("It is never the fault of the person who was hurt: support is free and confidential."),
        marked("If you see someone in trouble, call for help and ask others to join you."),
        marked("Community mediators help neighbors and families to settle conflicts early."),
    ),
    "damage": (
        marked("Tell the city soon about broken lights, windows and graffiti: quick repair helps."),
        marked("Light and trimmed hedges keep entrances in view."),
        marked("Photos of the damage with the date help with repair and insurance."),
    ),
    "fraud": (
        marked("Banks and authorities never ask for a password or a code by phone or message."),
        marked("Take your time: pressure to pay at once, by gift card or transfer, is a warning sign."),
        marked("Tell family and neighbors about a scam. Anyone can be deceived, and talking protects others."),
    ),
    "other": (
        marked("Get to know your neighbors: people who know each other look out for each other."),
        marked("Tell the city about broken lights and blocked paths: well-kept places are safer."),
        marked("Keep the numbers of emergency and support lines where everyone at home finds them."),
    ),
}
"""Tips of each family, the most useful first; the texts stand in the catalogues."""

_PATTERNS = {name: re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])") for name, words in FAMILIES.items()}


def family_of_tips(kind: str) -> str:
    """Return the family of tips of an offence kind."""
    name = kind.lower()
    return next((family for family, pattern in _PATTERNS.items() if pattern.search(name)), "other")
