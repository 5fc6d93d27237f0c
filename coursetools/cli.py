"""The `coursekit` command. Each subcommand lives where its subject does; here they are only put together."""

import argparse
import os
import sys

import coursekit


def main(arguments=None):
    """Run from a shell; returns the exit code."""
    from coursetools import train
    from coursetools.homework import commands as homework
    from coursetools.site import commands as site
    from coursetools.slides import commands as slides

    parser = argparse.ArgumentParser(prog="coursekit", description="The tools of the course.")
    parser.add_argument("--version", action="version", version=f"coursekit {coursekit.__version__}")
    subjects = parser.add_subparsers(dest="subject", metavar="homework | site | slides | train")
    subject = subjects.add_parser("homework", help="build, prove and grade homework")
    homework.add_commands(subject)
    subject.set_defaults(start=homework.run)
    subject = subjects.add_parser("site", help="build the course as a web site that needs no network")
    site.add_commands(subject)
    subject.set_defaults(start=site.run)
    subject = subjects.add_parser("slides", help="make decks for the classroom from notebooks")
    slides.add_commands(subject)
    subject.set_defaults(start=slides.run)
    subject = subjects.add_parser("train", help="train a model on digits, resume it, look at its samples")
    train.add_arguments(subject)
    subject.set_defaults(start=train.run)
    options = parser.parse_args(arguments)
    if options.subject is None:
        parser.print_help()
        return 0
    try:
        return options.start(options)
    except ModuleNotFoundError as error:  # the library alone is installed, without what this command needs
        if error.name.partition(".")[0] in ("coursekit", "coursetools"):
            raise
        print(
            f"coursekit {options.subject}: {error.name} is missing: run python3 -m pip install '.[tools]' "
            "in the course folder.",
            file=sys.stderr,
        )
        return 2
    except BrokenPipeError:  # as in `coursekit homework status | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
