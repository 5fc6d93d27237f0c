"""Lecture 00: the pictures and explorers of the first hour. There is no model in it."""
