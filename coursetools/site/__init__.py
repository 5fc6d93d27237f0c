"""The course as a web site: `coursekit site` builds it with Sphinx into a folder that needs no network.

`sources` brings notebooks and pages into the form that Sphinx reads, `docstrings` does it for the package,
`picture` draws the map, `extension` is what Sphinx loads, `build` runs it, `commands` is the command.
Settings and style lie in docs/site of the repository.
"""
