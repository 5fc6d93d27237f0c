"""From a notebook's cells to slides: what stands on each, in which order, and what goes into the notes.

A cell marked `slide` opens a column of slides, `subslide` a slide below, `skip` stays out, `notes` is for the
speaker only. Within that, each figure gets a slide whose headline is the sentence that follows the figure.
Code is left out but for cells tagged `slide-code`, print but for `slide-output`. Prose is cut to the few
sentences of `wording.chosen`, or to what the metadata `says` of its cell says; all of it is in the notes.
What a figure shows is the metadata `finding` of the cell that follows it, or taken from its first sentences.
"""

import re
from dataclasses import dataclass, field

from coursetools.slides import cells, layout, wording

COLUMN = 140  # text that fits beside a tall figure
THIN = 100  # text of up to two lines
FINDING = 92  # what a figure shows, in one or two lines below it
HALF = 440  # words of topics that share a slide
NAME = 40  # of such a topic


@dataclass
class Part:
    """A part; kind: lead, question, answer, formula, table, list, figure, film, checks, output, code or quiz.

    content: Markdown; of a figure (alternative text, PNGs to be shown one after the other), of a film
    [its HTML, None or the figure that stands for it on paper].
    """

    kind: str
    content: object
    height: int


@dataclass
class Slide:
    """A slide: Markdown in title and section; column: whether it opens a new column.

    chapter: the section of the notebook, as in `## 3 · Chapter`.
    again: does it go on under the headline of the slide before?
    """

    title: str
    section: str = ""
    kind: str = "topic"
    column: bool = False
    chapter: str = ""
    finding: str = ""
    again: bool = False
    parts: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    @property
    def height(self):
        """Of its parts, in pixels, about."""
        return sum(part.height for part in self.parts)

    @property
    def headline_is_finding(self):
        """A slide that is all figure says in its headline what the figure shows."""
        alone = self.kind in ("figure", "side") and not self.has("lead")
        return alone and 0 < len(self.finding.split()) <= wording.HEADLINE

    @property
    def headline(self):
        """What stands at the top, in Markdown; the number of a section is for the notebook."""
        return self.finding if self.headline_is_finding else self.title

    def has(self, *kinds):
        """Is there a part of one of these kinds?"""
        return any(part.kind in kinds for part in self.parts)

    def few_words(self, *more):
        """Are there only sentences, claims, formulas and parts of the kinds in `more`, and no figure?"""
        words = ("lead", "checks", "formula", *more)
        return self.kind == "topic" and all(part.kind in words for part in self.parts)


def plan(notebook, *, code=True, films=None):
    """The slides of a notebook (nbformat's node) as a list of Slide; code=False leaves out all code.

    films: dict from the id of a cell to its explorers (`moving.films`), which then move on their slides.

    Raises ValueError if the notebook does not begin with its title.
    """
    if not notebook.cells or not notebook.cells[0].source.startswith("# "):
        raise ValueError("a deck needs a notebook whose first cell begins with its title, `# NN · ...`.")
    planner = Planner(code, films or {})
    for cell in notebook.cells:
        planner.add_cell(cell)
    slides = []
    for slide in reversed(planner.slides):  # what was only to be said is said on the slide that follows
        if slide.parts:
            slides.insert(0, slide)
        elif slides:
            slides[0].notes[:0] = slide.notes
            slides[0].column |= slide.column
    return together(slides)


def together(slides):
    """Neighbours of one section of the notebook with a few words each share a slide, under their names."""
    found = []
    for slide in slides:
        last = found[-1] if found else slide
        one = slide.chapter and last.chapter == slide.chapter
        few = last.few_words("question") and slide.few_words() and last.height + slide.height <= HALF
        if one and few:
            first = last.title != last.chapter
            for each in [last] * first + [slide] * (slide.title not in (last.title, slide.chapter)):
                each.parts.insert(0, Part("lead", f"**{each.title}**", NAME))
            last.title = last.section = last.chapter
            last.parts += slide.parts
            last.notes += [note for note in slide.notes if note not in last.notes]
        else:
            found.append(slide)
    return found


class Planner:
    """Takes the cells one by one; `slides` is what came of them."""

    def __init__(self, code, films):
        self.code, self.films, self.slides, self.section, self.topic = code, films, [], "", ""
        self.after_figure, self.asked, self.on_paper, self.chapter = False, "", None, ""

    def add_cell(self, cell):
        """Put one cell onto the slides."""
        mark = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        if mark == "skip" or not cell.source.strip():
            return
        if cell.cell_type == "markdown":
            if mark == "notes":
                self.slides[-1].notes.append(cell.source)
            else:
                self.prose(cell.source, mark, cell.metadata.get("says"), cell.metadata.get("finding"))
        elif cell.cell_type == "code":
            self.results(cell)

    # What a cell of prose says

    def prose(self, source, mark, says=None, finding=None):
        """A Markdown cell: a title, then what stays on the slide; all of it goes into the notes.

        finding: what the figure above shows, in the author's words.
        """
        found = wording.blocks(source)
        if found[0].kind == "heading" and found[0].text.startswith("# "):
            return self.title_slide(found, source)
        caption = self.after_figure and mark != "slide" and says is None
        if caption and found[0].kind == "text" and wording.opening(found[0].text)[0] is None:
            self.slides[-1].finding, self.asked = (finding, "") if finding else wording.finding(found[0].text)
            found, mark = wording.from_next_name(found[1:]), "-"
        self.after_figure = False
        first = len(self.slides)
        if says or mark in ("slide", "subslide") or wording.worth_a_slide(found):
            self.open(found, column=mark == "slide")
            self.fill(found, says)
        for slide in self.slides[first:] or self.slides[-1:]:
            slide.notes.append(source)

    def title_slide(self, found, source):
        self.section = self.topic = found[0].text.lstrip("# ")
        able = next((block.text for block in found[1:] if block.kind == "text"), "")
        self.slides.append(Slide(self.section, kind="title", column=True, notes=[source]))
        self.slides[-1].parts.append(Part("lead", able, 0))

    def open(self, found, column=False):
        """Begin a slide, named by its heading or by the words in bold that open it."""
        if found[0].kind == "heading":
            self.topic = self.section = found[0].text.lstrip("# ")
            if found[0].text.startswith("## "):
                self.chapter = self.section
        else:
            mark = "**" if found[0].text.startswith("**") else "*"
            several = any(wording.name(block) and block.text.startswith(mark) for block in found[1:])
            self.topic = self.section if several else wording.name(found[0]) or self.section
        self.slides.append(Slide(self.topic, self.section, column=column, chapter=self.chapter))

    def fill(self, found, says):
        """The blocks of a cell, cut down, onto the last slide and, where it is full, onto further ones.

        says: Markdown that stands in place of the cut prose; questions, formulas and tables stay as they are.
        """
        kept = self.shorten(found) if says is None else {}
        for i, block in enumerate(found):
            lead, rest = wording.opening(block.text)
            if says and block.kind != "heading" and lead != "Question":
                self.add("lead", says)
                says = None
            if block.kind == "heading" and i > 0:
                self.topic = block.text.lstrip("# ")
                self.slides.append(Slide(self.topic, self.section, chapter=self.chapter))
            elif block.kind == "fold":
                self.fold(block)
            elif block.kind == "table":
                for rows in layout.tables(block.text):
                    if self.slides[-1].has("table"):
                        self.slides.append(Slide(self.topic, self.section))
                    self.add("table", rows)
            elif block.kind in ("formula", "list"):
                self.add(block.kind, layout.broken(block.text) if block.kind == "formula" else block.text)
            elif lead == "Question":
                self.add("question", wording.up_to_the_question(rest))
            elif lead == wording.PREDICT:
                self.add("question", f"**{wording.PREDICT}:** {rest}")
            elif kept.get(i):
                self.topic = lead if lead == "Homework" else self.topic
                self.add("lead", kept[i])

    def shorten(self, found):
        """What stays of each paragraph: index of the block -> Markdown."""
        texts = [i for i, block in enumerate(found) if block.kind == "text"]
        paragraphs = []
        for i in texts:
            lead, text = wording.opening(found[i].text)
            if lead in (wording.PREDICT, "Question", "References", "The code behind it"):
                text = ""
            elif lead in wording.LABELS or lead == self.topic:
                text = text[:1].upper() + text[1:]
            elif lead == "Homework":
                text = f"**Homework:** {wording.sentences(text)[0]}"
            else:
                text = found[i].text
            leads_on = i + 1 < len(found) and found[i + 1].kind in ("formula", "list", "table")
            paragraphs.append((text, leads_on))
        return dict(zip(texts, wording.chosen(paragraphs), strict=True))

    def fold(self, block):
        """A folded answer comes as the next step; a list of test questions keeps its answers in the notes."""
        if re.match(r"\d+\.", block.text):
            self.add("quiz", re.sub(r"^\d+\.\s*", "", block.text))
            return
        summary = re.sub(r"</?b>", "**", block.text)
        if summary != "Answer":
            self.add("question", summary)
        self.add("answer", block.answer)

    def add(self, kind, content):
        """One more part; a new slide of the same topic where the last one has no room left."""
        part = Part(kind, content, layout.height(kind, content))
        slide = self.slides[-1]
        full = slide.height + part.height > layout.ROOM or slide.has("figure")
        if slide.kind == "title" or (slide.parts and full):
            carried = []
            if kind == "formula" and len(slide.parts) > 1 and slide.parts[-1].kind == "lead":
                carried = [slide.parts.pop()]  # the sentence that leads to a formula stays with it
            slide = Slide(self.topic, self.section, parts=carried, notes=list(slide.notes))
            self.slides.append(slide)
        slide.parts.append(part)

    # What a cell of code shows

    def results(self, cell):
        """A code cell: its code if a tag says so, its figures, its checks, what it printed."""
        if self.code and "slide-code" in cell.metadata.get("tags", []):
            self.add("code", cells.idea(cell.source))
        pictures, claims, printed = cells.results(cell)
        if "explorer(" in cell.source and not self.films:
            pictures = []  # its start is among the positions that follow
        if films := self.films.get(cell.get("id"), []):
            self.film(films, pictures)
        elif self.on_paper and "static_frames(" in cell.source:
            self.on_paper.content[1] = pictures[0]
            self.on_paper = None
        else:
            for alt, png in pictures:
                frames = layout.frames(png) if "static_frames(" in cell.source else [png]
                self.figure(alt, frames, Part("figure", (alt, frames), layout.figure_height(frames[0])))
        if printed and "slide-output" in cell.metadata.get("tags", []):
            self.append_if_room("output", printed)
        if claims:
            self.append_if_room("checks", claims[:3])
        self.after_figure = bool(pictures) or (self.after_figure and not (printed or claims))

    def film(self, films, pictures):
        """Explorers that move; the positions that follow in the notebook stand for them on paper."""
        for film, (alt, png) in zip(films, pictures, strict=True):
            height = layout.figure_height(png) + 40 * len(film.axes)
            self.on_paper = Part("film", [film.html(), None], height)
            self.figure(alt, [png], self.on_paper)

    def figure(self, alt, frames, part):
        """A figure joins a slide of few words, beside them if it is tall, at no less than its own size.

        Else it gets a slide of its own, and a line of introduction alone is spoken.
        """
        slide, tall = self.slides[-1], layout.is_tall(frames[0])
        words = slide.kind == "topic" and not slide.has("figure", "film", "table", "code", "answer", "quiz")
        room = layout.ROOM - slide.height - FINDING
        least = part.height - layout.figure_height(frames[0]) + layout.figure_height(frames[0], larger=1)
        if words and tall and slide.height < COLUMN:
            pass
        elif words and not tall and least <= room:
            part.height = min(part.height, room)
        elif words and slide.height < THIN and not slide.has("question", "checks", "formula"):
            slide.parts.clear()
            slide.kind = "figure"
        else:
            slide = Slide(self.asked or self.topic, self.section, kind="figure")
            self.slides.append(slide)
        if tall:
            slide.kind = "side"
        slide.parts.append(part)
        slide.notes.append(f"*The figure:* {alt}")
        self.asked = ""

    def append_if_room(self, kind, content):
        """Results that are nice to see, where they take nothing from what must be seen."""
        slide, height = self.slides[-1], layout.height(kind, content)
        if slide.kind == "side":  # beside the figure there is room for little, and for nothing wide
            return
        # What the author's tag shows does not give way to a finding that may come.
        waits = kind != "output" and slide.kind == "topic" and slide.has("figure", "film")
        finding = FINDING if waits else 0
        if slide.kind != "title" and slide.height + height + finding <= layout.ROOM and not slide.has(kind):
            slide.parts.append(Part(kind, content, height))
