"""Bulletins: drafts for the public of each area and language, which a person approves before anyone reads them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict, Unpack

import pandas as pd

from allocator.config import BulletinSection
from allocator.domain import Figures, OutreachPlan
from allocator.errors import ConfigError, DataError
from allocator.keywords import keywords
from allocator.report.bulletins.drafts import Compared, Draft, drafts_of
from allocator.report.bulletins.infographic import PLACES, infographic
from allocator.report.bulletins.language import Language, language
from allocator.report.look import Picture, file_names, public_text, references_of, render, script

_MOST_TIPS = 9


@dataclass(frozen=True, eq=False)
class Bulletins:
    """Drafts of all areas and languages.

    Parameters
    ----------
    pages : dict of str to bytes
        Files by name: `index.html`, and for each area and language a newsletter (`areas/<area>/<language>.html`), posts
        (`<language>-280.txt`), the infographic (`.png`, `.svg`), and what it shows in words (`.alt.txt`).
    references : mapping of str to str
        Reference for feedback of each area.
    drafts : tuple of Draft
        The facts.
    notes : tuple of str
        What the person who approves must know.
    feedback : DataFrame, optional
        Counts of feedback by area.
    """

    pages: dict[str, bytes]
    references: Mapping[str, str]
    drafts: tuple[Draft, ...]
    languages: tuple[str, ...]
    notes: tuple[str, ...] = ()
    feedback: pd.DataFrame | None = field(default=None)

    def table(self) -> pd.DataFrame:
        """Return what there is of each area: reference, kinds shown and not shown, events."""
        return pd.DataFrame(
            {
                "area": [draft.area for draft in self.drafts],
                "reference": [draft.reference for draft in self.drafts],
                "kinds_shown": pd.Series([len(draft.trends) for draft in self.drafts], dtype="int32"),
                "kinds_too_few": pd.Series([len(draft.hidden) for draft in self.drafts], dtype="int32"),
                "events": pd.Series([len(draft.events) for draft in self.drafts], dtype="int32"),
            }
        )

    def figures(self) -> Figures:
        """Return the numbers of the summary."""
        table = self.table()
        values = {
            "areas": len(table), "languages": list(self.languages), "files": len(self.pages),
            "kinds_shown": int(table["kinds_shown"].sum()), "kinds_too_few": int(table["kinds_too_few"].sum()),
            "areas_without_counts": int((table["kinds_shown"] == 0).sum()),
        }  # fmt: skip
        lines = [
            ["drafts", f"{len(table):,} areas in {', '.join(self.languages)}; each has to be approved by a person"],
            ["counts", f"{values['kinds_shown']:,} shown, {values['kinds_too_few']:,} too few to show"],
        ]
        if self.feedback is not None:
            said = int(self.feedback["count"].sum())
            values["feedback"] = said
            lines.append(["feedback", f"{said:,} in {self.feedback['area'].nunique():,} areas"])
        return {"values": values, "lines": lines, "notes": []}


class BulletinOptions(TypedDict):
    """What bulletins are about; see `bulletins`."""

    timezone: str
    title: str
    first_day: dt.date
    notes: NotRequired[Sequence[str]]
    compared: NotRequired[Compared]


@dataclass(frozen=True)
class _Issue:
    """The plan that bulletins are about."""

    timezone: str
    title: str
    first_day: dt.date
    notes: Sequence[str] = ()
    compared: Compared = "year"

    @property
    def public(self) -> tuple[str, ...]:
        """The notes that may be published."""
        return tuple(text for note in self.notes if (text := public_text(note)))


@keywords(_Issue)
def bulletins(
    outreach: OutreachPlan, *, options: BulletinSection, feedback: pd.DataFrame | None = None,
    **issue: Unpack[BulletinOptions],
) -> Bulletins:  # fmt: skip
    """Return the drafts of bulletins of each area, in each language.

    Parameters
    ----------
    outreach : OutreachPlan
        Its needs hold the counts, its items the events.
    options : BulletinSection
        Threshold, languages, lengths, contact.
    timezone : str
        IANA name of the zone that times are told in.
    title : str
        Name of the run.
    first_day : datetime.date
        First day of the plan.
    notes : sequence of str
        What every output says, such as that a roster is synthetic; those that look like an address are left out.
    compared : {"year", "window"}
        What the recent counts are compared with.
    feedback : DataFrame, optional
        From `io.read_feedback`; shown on the index.

    Raises
    ------
    ConfigError
        If there is no catalogue of a language, or a post is too short for the reference.
    DataError
        If the run has no needs of areas.
    """
    _check(outreach, options)
    about = _Issue(**issue)
    said = [language(code) for code in options.languages]
    references = bulletin_references(outreach, title=about.title, first_day=about.first_day)
    drafts = drafts_of(outreach, references, timezone=about.timezone, min_count=options.min_count)
    public = about.public
    folders = file_names(references)
    pages, rows = dict[str, bytes](), []
    for draft in drafts:
        links = []
        for tongue in said:
            place = f"areas/{folders[draft.area]}/{tongue.code}"
            pages |= {f"{place}{end}": content for end, content in _files(draft, tongue, options, about).items()}
            links.append({"code": tongue.code, "href": f"{place}.html"})
        rows.append({"area": draft.title(said[0]), "reference": draft.reference, "links": links})
    index = render(
        "bulletins.html", scripts=[script("tables.js")], title=about.title, notes=[*public, *_INDEX_NOTES], rows=rows,
        feedback=_counted(feedback), min_count=options.min_count,
    )  # fmt: skip
    files = {"index.html": index.encode("utf-8"), **pages}
    return Bulletins(files, references, drafts, options.languages, public, feedback)


_INDEX_NOTES = (
    "These are drafts made by a computer. Read each one before you publish it: counts, names of venues, languages.",
    "Compare nothing with an earlier bulletin that shows what is too few here: the difference could tell it.",
)


def _check(outreach: OutreachPlan, options: BulletinSection) -> None:
    if outreach.needs.empty:
        raise DataError(
            "the run has no needs of areas to write bulletins from: its job has no [outreach] section, or it was made "
            "by an earlier version. Run the job again"
        )
    least = max(len(" ".join(_required(language(code), "B-2000W00-0000"))) for code in options.languages)
    if short := [n for n in options.post_lengths if n < least]:
        raise ConfigError(
            f"outreach.bulletin.post_lengths = {short[0]}: a post needs {least} characters or more, for the mark of a "
            "draft and the reference"
        )


def bulletin_references(outreach: OutreachPlan, *, title: str, first_day: dt.date) -> dict[str, str]:
    """Return the reference for feedback of each area of a run: the same as long as its needs and items are."""
    areas = dict.fromkeys((*outreach.needs["area"], *outreach.areas["area"]))
    content = outreach.needs.to_csv() + outreach.items.to_csv()
    key = hashlib.sha256(f"{title}|{first_day}|{content}".encode("utf-8", "surrogatepass")).hexdigest()
    return references_of([str(area) for area in areas], key=key, first_day=first_day)


def _counted(feedback: pd.DataFrame | None) -> list[Figures]:
    return [] if feedback is None else [{str(k): v for k, v in row.items()} for row in feedback.to_dict("records")]


def _files(draft: Draft, said: Language, options: BulletinSection, about: _Issue) -> dict[str, bytes]:
    """Return the files of an area in a language, by the end of their names."""
    day, contact, compared = said.say("Week of {day}", day=said.date(about.first_day)), options.contact, about.compared
    drawn = infographic(draft, said, day=day, contact=contact, compared=compared)
    html = _newsletter(draft, said, about, day=day, picture=Picture(drawn.png, drawn.alt), contact=contact)
    posts = {
        f"-{length}.txt": post(draft, said, length, contact=contact, compared=compared).encode("utf-8")
        for length in options.post_lengths
    }
    return {
        ".html": html.encode("utf-8"), **posts, ".png": drawn.png, ".svg": drawn.svg,
        ".alt.txt": drawn.alt.encode("utf-8"),
    }  # fmt: skip


def _newsletter(draft: Draft, said: Language, about: _Issue, *, day: str, picture: Picture, contact: str) -> str:
    compared = about.compared
    counts = [f"{trend.sentence(said, compared)} {trend.change(said)}" for trend in draft.trends]
    if total := draft.sum_sentence(said, compared):
        counts.append(total)
    if hidden := ", ".join(name for kind in draft.hidden if (name := said.kind(kind))):
        counts.append(said.say("Too few to show: {kinds}.", kinds=hidden))
    if unknown := ", ".join(name for kind in draft.unknown if (name := said.kind(kind))):
        counts.append(said.say("Not known for long enough to compare: {kinds}.", kinds=unknown))
    if not counts:
        counts.append(said.say("Too few reports to show."))
    return render(
        "bulletin.html", code=said.code, mark=said.say("DRAFT — for approval"), day=day,
        title=said.say("Safety bulletin: {area}", area=draft.title(said)), picture=picture,
        parts=[
            (said.say("What was reported"), counts, said.say(_COUNTED)),
            (said.say("What helps"), draft.tips(said, _MOST_TIPS), ""),
            (said.say("Coming up"), [event.line(said) for event in draft.events] or [said.say(_NO_EVENT)], ""),
        ],
        closing=[feedback_line(draft, said, contact), said.say(PLACES), said.say(_BY_COMPUTER), *about.public],
    )  # fmt: skip


_COUNTED = "Counts are of what was reported to the police; much is never reported."
_NO_EVENT = "No event is planned in this area at present."
_BY_COMPUTER = "This is a draft made by a computer: a person has to approve it before it is published."


def feedback_line(draft: Draft, said: Language, contact: str) -> str:
    """Return where feedback goes, and with which reference."""
    if not contact:
        return said.say("Reference {reference}.", reference=draft.reference)
    return said.say(
        "Tell us what you think: {contact}. Please give the reference {reference}.", contact=contact,
        reference=draft.reference,
    )  # fmt: skip


def post(draft: Draft, said: Language, length: int, *, contact: str, compared: Compared) -> str:
    """Return a post of at most `length` characters (code points): whole sentences, the reference always among them.

    What is most useful comes in first: the area, the trend of the kind with most need, an event, a tip, the contact.
    """
    mark, reference = _required(said, draft.reference)
    heading = said.say("Safety bulletin: {area}", area=draft.title(said)) + "."
    # Place in the text, and what is said there: the first wording that fits. In order of what is kept.
    wanted: list[tuple[float, tuple[str, ...]]] = [(0, (mark,)), (9, (reference,)), (1, (heading,))]
    for row, trend in enumerate(draft.trends[:3]):
        counts = trend.sentence(said, compared)
        # No counts without how sure the change is.
        wanted.append((2 + row / 10, (f"{counts} {trend.change(said)}", f"{counts} {trend.brief(said)}")))
    for event in draft.events[:1]:
        names = {"event": event.name(said), "day": event.day(said), "place": event.spot(said)}
        wanted.insert(4 if draft.trends else 3, (4, (said.say("Next: {event}, {day}, {place}.", **names),)))
    wanted += [(3 + row / 10, (tip,)) for row, tip in enumerate(draft.tips(said, 3))]
    if contact:
        wanted.append((8, (said.say("Feedback: {contact}.", contact=contact),)))
    kept = list[tuple[float, str]]()
    for place, wordings in wanted:
        fitting = (text for text in wordings if len(_joined([*kept, (place, text)])) <= length)
        if text := next(fitting, ""):
            kept.append((place, text))
    return _joined(kept)


def _required(said: Language, reference: str) -> tuple[str, str]:
    """Return the sentences of every post: that it is a draft, and its reference."""
    return said.say("DRAFT — for approval") + ".", said.say("Reference {reference}.", reference=reference)


def _joined(sentences: Sequence[tuple[float, str]]) -> str:
    return " ".join(text for _, text in sorted(sentences, key=lambda one: one[0]))
