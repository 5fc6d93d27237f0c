"""Lecture 19: one protocol for all families of the course. There is no model in it.

`recipe` trains and measures them all alike, `pictures` and `explorers` show the table.
"""
