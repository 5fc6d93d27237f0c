"""`python -m coursetools.mutants [MODULE ...]`, which `course.py test --mutants` calls."""

import sys

from coursetools.mutants.runs import main

sys.exit(main(sys.argv[1:]))
