"""Grading a class, outside every submission: from a folder of hand-ins to a table, pages and a gradebook.

`batch` goes from student to student: `intake` and `exchange` read what was handed in, `sandbox` and `session`
run it, `marking` asks the probes, `judge` compares in a clean process, `gradebook`, `report` and `feedback`
write what came out.
"""
