"""Texts, cut into pieces with labels: Jane Austen's novels by paragraph or chapter, Shakespeare's sonnets."""

import bz2
import re
from dataclasses import dataclass, replace

import numpy as np

from coursekit.data.dataset import embedded

NOVELS = {
    "sensesensibility": "Sense and Sensibility",
    "prideprejudice": "Pride and Prejudice",
    "mansfieldpark": "Mansfield Park",
    "emma": "Emma",
    "northangerabbey": "Northanger Abbey",
    "persuasion": "Persuasion",
}


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts in reading order, each with a label. Arrays are read-only.

    >>> Corpus(("No.", "Yes, sir."), labels=[0, 1], label_names=("his", "hers"), source="overheard")
    Corpus(2 texts, 3 words; source: overheard)

    Args:
        texts: n strings.
        labels: (n,) int64; `label_names[labels[i]]` says what text i belongs to.
        label_names: one name for each label.
        chapters: (n,) int64, the chapter of each text within its label, from 1; or None.
        source: where the texts come from.
        licence: what may be done with them.
    """

    texts: tuple[str, ...]
    labels: np.ndarray
    label_names: tuple[str, ...]
    chapters: np.ndarray | None = None
    source: str = ""
    licence: str = ""

    def __post_init__(self):
        for name in ("labels", "chapters"):
            if getattr(self, name) is not None:
                array = np.array(getattr(self, name), dtype=np.int64)
                if len(array) != len(self.texts):
                    raise ValueError(f"{len(self.texts)} texts need as many {name}, got {len(array)}")
                array.setflags(write=False)
                object.__setattr__(self, name, array)

    def by_chapter(self) -> "Corpus":
        """The same words with one text for each chapter: its paragraphs, a newline between them."""
        if self.chapters is None:
            raise ValueError("these texts have no chapters")
        paragraphs = {}
        for label, chapter, text in zip(self.labels, self.chapters, self.texts, strict=True):
            paragraphs.setdefault((label, chapter), []).append(text)
        labels, chapters = zip(*paragraphs, strict=True)
        texts = tuple("\n".join(each) for each in paragraphs.values())
        return replace(self, texts=texts, labels=np.array(labels), chapters=np.array(chapters))

    def __repr__(self):
        words = sum(len(text.split()) for text in self.texts)
        return f"Corpus({len(self.texts)} texts, {words} words; source: {self.source})"


def austen() -> Corpus:
    """Jane Austen's six novels, 10001 paragraphs in 269 chapters, 717 000 words; labels: which novel, 0 to 5.

    `austen().by_chapter()` has 269 texts. Chapter headings are left out; _italics_ are marked as here.
    """
    lines = bz2.decompress(embedded("austen.tsv.bz2").read_bytes()).decode("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    novels = list(NOVELS)
    return Corpus(
        texts=tuple(text for _, _, text in rows),
        labels=np.array([novels.index(novel) for novel, _, _ in rows]),
        label_names=tuple(NOVELS.values()),
        chapters=np.array([int(chapter) for _, chapter, _ in rows]),
        source="R's package janeaustenr, after Project Gutenberg's editions",
        licence="public domain (1811-1818); the package MIT, Julia Silge",
    )


def sonnets() -> Corpus:
    """Shakespeare's 154 sonnets, one text each, its lines with a newline between them; labels 0 to 153.

    `label_names` are the Roman numerals. The closing couplet keeps its indent of two spaces.
    """
    with bz2.open(embedded("sonnets.txt.bz2"), "rt", encoding="utf-8") as file:
        _, *rest = re.split(r"^([IVXLC]+)$", file.read(), flags=re.MULTILINE)
    numerals, bodies = rest[::2], rest[1::2]
    texts = ("\n".join(line.rstrip() for line in body.strip().splitlines()) for body in bodies)
    return Corpus(
        texts=tuple(texts),
        labels=np.arange(len(bodies)),
        label_names=tuple(numerals),
        source="Open Shakespeare's package shakespeare, after Project Gutenberg's edition",
        licence="public domain (1609); the compilation CC BY 2.5, Open Knowledge Foundation",
    )
