"""What Sphinx loads for the site: the directive `fold`, and docstrings in the course's own style."""

import html
import re

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from coursetools.site.docstrings import to_rst
from coursetools.site.searching import CourseEnglish


class Details(nodes.General, nodes.Element):
    """The element that folds."""


class Summary(nodes.General, nodes.TextElement):
    """Its line that stays visible."""


class Fold(SphinxDirective):
    """A question whose answer folds out: the argument is the summary, the content what it hides."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self):
        """The nodes of one fold."""
        words, messages = self.parse_inline(self.arguments[0])
        return [Details("", Summary("", "", *words), *self.parse_content_to_nodes()), *messages]


def element(name):
    """Visitors that write a node as the HTML element `name`."""
    return (
        lambda translator, node: translator.body.append(translator.starttag(node, name)),
        lambda translator, node: translator.body.append(f"</{name}>\n"),
    )


def course_docstring(app, what, name, thing, options, lines):
    """autodoc's hook: `lines` become reStructuredText in place; napoleon sees their sections afterwards."""
    notebooks = {page.removeprefix("notebooks/") for page in app.env.found_docs}
    lines[:] = to_rst(lines, notebooks)


def skip_machinery(app, what, name, thing, skip, options):
    """scikit-learn gives every estimator methods such as `set_fit_request`; they are none of the lesson."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def nearest_name(app, env, node, content):
    """What has no entry of its own, such as a learned attribute, leads to what it belongs to."""
    owner = node.get("reftarget", "").rpartition(".")[0]
    if node.get("refdomain") == "py" and owner.startswith("coursekit."):
        domain = env.get_domain("py")
        return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", owner, node, content)


def flat_list(app, page, template, context, document):
    """viewcode's list of modules puts lists straight into lists, which is no HTML: one list will do."""
    if page == "_modules/index":
        title, items = context["body"].partition("<ul>")[0], re.findall(r"<li>.*?</li>", context["body"])
        context["body"] = f"{title}<ul>{''.join(items)}</ul>"


def parameter_lines(app, page, template, context, document):
    """Sphinx sets the arguments of a long signature as a list of answers without questions: lines will do."""
    for signature in set(re.findall(r"<dl>\n(?:<dd><em.*?</dd>\n)+</dl>", context.get("body", ""))):
        lines = re.findall(r"<dd>(.*?)</dd>", signature)
        spans = "".join(f'<span class="course-argument">{line}</span>' for line in lines)
        context["body"] = context["body"].replace(signature, spans)


def described(app, page, template, context, document):
    """What a search engine, or whoever is sent the link, sees of a page: title, first words, a picture."""
    paragraphs = document.findall(nodes.paragraph) if document is not None else ()
    words = " ".join(next((p.astext() for p in paragraphs if len(p.astext()) > 60), "").split())
    words = re.sub(r"\\[a-zA-Z]+|[{}$]", "", words)
    words = words if len(words) <= 200 else words[:200].rsplit(" ", 1)[0] + " ..."
    title = re.sub(r"<[^>]*>", "", context.get("title") or "coursekit")
    about = {"og:type": "article", "og:site_name": "coursekit", "og:title": title}
    about |= {"og:description": words} if words else {}
    if base := app.config.html_baseurl:  # a preview has to be named in full
        base = base.rstrip("/")
        number = page.removeprefix("notebooks/")[:2]
        own = app.srcdir / "_static" / "covers" / f"{number}.png"
        picture = f"covers/{number}.png" if page.startswith("notebooks/") and own.is_file() else "preview.png"
        about |= {"og:url": f"{base}/{page}.html", "og:image": f"{base}/_static/{picture}"}
    tags = [f'<meta property="{name}" content="{html.escape(text)}">' for name, text in about.items()]
    tags += [f'<meta name="description" content="{html.escape(words)}">'] if words else []
    context["metatags"] = context.get("metatags", "") + "\n" + "\n".join(tags)


def setup(app):
    """Sphinx calls this."""
    app.add_node(Details, html=element("details"))
    app.add_node(Summary, html=element("summary"))
    app.add_directive("fold", Fold)
    app.connect("autodoc-process-docstring", course_docstring, priority=400)  # napoleon comes at 500
    app.connect("html-page-context", flat_list)
    app.connect("html-page-context", parameter_lines)
    app.connect("html-page-context", described)
    app.add_search_language(CourseEnglish)
    app.connect("missing-reference", nearest_name)
    app.connect("autodoc-skip-member", skip_machinery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
