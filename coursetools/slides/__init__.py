"""Decks for the classroom: `coursekit slides 11` turns a notebook with its stored outputs into slides.

`plan` decides what stands on which slide, `words` cuts the prose, `deck` writes the file, `commands` is the
command. What a slide leaves out is in the speaker notes (press S).
"""
