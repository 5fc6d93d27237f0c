"""Mutation testing: small faults are planted in the mathematics, one at a time, and the tests must notice.

`edits` lists the faults that a source file allows and draws some by a fixed seed; `runs` tries each against
the module's own tests, in memory: no file of the course is ever changed. `python3 course.py test --mutants`
runs it; a fault that changes nothing is listed, with its reason, in tests/equivalent_mutants.txt.

Why not a tool that exists: mutmut tries every mutant of a copy of the whole project; cosmic-ray edits files
in place and needs a clone per worker. Neither draws a fixed few of each module, runs the tests that reach the
changed line first, or spares each trial PyTorch's three seconds of import by a fork.
"""
