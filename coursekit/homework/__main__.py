"""`python -m coursekit.homework`, the same as `coursekit homework`."""

import sys

from coursekit.homework.commands import main

if __name__ == "__main__":
    sys.exit(main())
