"""Sphinx's settings for the site; `coursekit site` calls Sphinx, this file says how it should look."""

from pathlib import Path

from coursekit import __version__

project = "coursekit"
author = "The coursekit authors"
copyright = "2026, the coursekit authors. Code: MIT. Text of the notebooks: CC BY 4.0"
version = release = __version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "coursetools.site.extension",
]
templates_path = ["templates"]
exclude_patterns = ["_static"]

nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"  # each parameter is an entry, with its type
napoleon_numpy_docstring = False
napoleon_use_ivar = True
maximum_signature_line_length = 90
add_module_names = False
toc_object_entries_show_parents = "hide"
highlight_language = "text"

# Vendored with the site: nothing is asked of the network.
mathjax_path = "mathjax/tex-svg-full.js"

html_theme = "pydata_sphinx_theme"
html_title = "coursekit"
html_favicon = "favicon.svg"
html_css_files = ["course.css", "moving.css"]
html_js_files = ["course.js", ("moving.js", {"defer": "defer"})]
html_search_scorer = str(Path(__file__).with_name("scorer.js"))  # Sphinx looks in the current folder
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_domain_indices = False
html_context = {"default_mode": "auto"}  # light or dark as the reader's system says
pygments_style = "a11y-high-contrast-light"
html_theme_options = {
    "logo": {"text": "coursekit"},
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "show_nav_level": 1,
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "secondary_sidebar_items": ["page-toc"],
}
# Pages without pages of their own below them need no list of these.
html_sidebars = {
    name: [] for name in ("index", "gallery", "docs/**", "benchmarks/**", "CHANGELOG", "CONTRIBUTING")
}
