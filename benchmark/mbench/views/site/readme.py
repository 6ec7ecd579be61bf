"""A submission's README as HTML: headings, lists, tables and code of its Markdown, and nothing that leads elsewhere."""

from __future__ import annotations

import unicodedata

from markupsafe import Markup

_PLAIN = ("autolink", "html_block", "html_inline", "image", "link", "reference")  # stay the letters that they are
_STEP = 2  # by which a heading is moved down: the page has one of the first level, its sections those of the second


def render_readme(text: str) -> Markup:
    """Return Markdown as HTML that is safe whatever it holds: no link, no picture, no markup of its own, no attribute.

    Control letters, and those that turn the direction of words, are shown as their code.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable(_PLAIN)
    tokens = parser.parse("".join(_show(letter) for letter in text))
    for token in tokens:
        token.attrs, token.info = {}, ""
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + _STEP)}"
    # Safe: what the parser makes of words is escaped, and all that could carry an address was switched off above.
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704


def _show(letter: str) -> str:
    hides = letter not in "\t\n\r" and unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co")
    return f"U+{ord(letter):04X}" if hides else letter
