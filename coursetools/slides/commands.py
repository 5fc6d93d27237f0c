"""`coursekit slides`: write decks. What goes wrong is one sentence, with exit code 2."""

import sys
from pathlib import Path


def add_commands(parser):
    """Add the arguments to an argparse parser."""
    parser.add_argument("numbers", nargs="+", metavar="NN", help="which notebooks: 11, or `all`")
    parser.add_argument("--out", metavar="DIR", default="build/slides", help="where decks go (build/slides)")
    parser.add_argument("--no-code", action="store_true", help="leave out all code")
    parser.add_argument(
        "--still", action="store_true", help="explorers as stills: the notebook need not run for them"
    )


def run(options):
    """Write the decks that the options name; the exit code is 0, or 2 if one could not be written."""
    from coursetools.assets import AssetError
    from coursetools.moving import MovingError

    out = Path(options.out)
    try:
        if out.exists() and not out.is_dir():
            raise ValueError(f"{out} is a file: name a folder with --out.")
        for path in notebooks(options.numbers):
            write(path, out, code=not options.no_code, still=options.still)
    except (AssetError, MovingError, ValueError, OSError) as error:
        print(f"coursekit slides: {error}", file=sys.stderr)
        return 2
    return 0


def notebooks(numbers):
    """The notebooks of this course folder that are meant, in order. numbers: list of "11" or "all"."""
    for course in (Path.cwd(), Path(__file__).parents[2]):
        found = {path.stem[:2]: path for path in sorted((course / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
        if found:
            break
    else:
        raise ValueError("there is no folder notebooks/ here: go to the course folder first.")
    chosen = list(found) if "all" in numbers else [number.partition("_")[0].zfill(2) for number in numbers]
    for number in chosen:
        if number not in found:
            raise ValueError(f"there is no notebook {number}: choose from {', '.join(found)}, or `all`.")
    return [found[number] for number in chosen]


def write(path, out, *, code=True, still=False):
    """Write the deck of one notebook into the folder `out` and say where; returns its path.

    still: leave each explorer at a few positions. Else the notebook runs once, to draw them all.
    """
    import nbformat

    from coursetools import moving
    from coursetools.slides.deck import deck

    films = {} if still else moving.films(path)
    html = deck(nbformat.read(path, as_version=4), code=code, films=films, sharp=moving.sharp(path))
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{path.stem}.html"
    target.write_text(html, encoding="utf-8")
    slides = html.count('<div class="page">')
    print(f"{target}: {slides} slides")
    return target
