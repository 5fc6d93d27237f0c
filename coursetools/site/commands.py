"""`coursekit site`: one command; what goes wrong is one sentence, with exit code 2."""

import sys
from pathlib import Path

from coursetools.assets import AssetError


def add_commands(parser):
    """Add the options of `coursekit site` to an argparse parser."""
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the site goes (build/site)")
    parser.add_argument("--no-solutions", action="store_true", help="leave the solutions of the homework out")
    parser.add_argument(
        "--still", action="store_true", help="explorers that do not move: each notebook need not run for them"
    )
    parser.add_argument("--slides", action="store_true", help="with a deck of each notebook, linked from it")
    what = "where the site will be, https://...: a link that is shared then shows a picture"
    parser.add_argument("--address", default="", metavar="URL", help=what)


def run(options):
    """Build the site; returns the exit code: 0, or 2 after one sentence."""
    from coursetools.site.build import SiteError, build

    try:
        index = build(
            options.out,
            solutions=not options.no_solutions,
            still=options.still,
            slides=options.slides,
            address=options.address,
        )
    except (AssetError, SiteError) as error:
        print(f"coursekit site: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        print(f"coursekit site: cannot write to {options.out} ({reason}); see --out", file=sys.stderr)
        return 2
    print(f"The site is in {index.parent}: open {index.name} in a browser, or copy the folder to a server.")
    return 0
