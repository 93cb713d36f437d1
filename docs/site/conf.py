"""What `make docs` makes pages of: the Markdown of this repository, the docstrings of mlalign, the keys of train.py."""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import yaml
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

sys.path.insert(0, str(Path(__file__).parents[2]))

import mlalign.config.hydra  # noqa: F401  the schema that conf/ composes with
from mlalign.alignment.objectives import objective_types
from mlalign.config.described import Description, descriptions, descriptions_of_parts
from mlalign.config.folder import CONF
from mlalign.config.schema import Train
from mlalign.config.settings import flattened
from mlalign.finetuning.tunings import tuning_types

project = html_title = "mlalign"
root_doc = "docs/README"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "docs/*/*.md"]
exclude_patterns = [".*", "build", "conf", "data", "dist", "mlalign", "multirun", "outputs", "sweeps", "tests"]
default_role = "code"
myst_heading_anchors = 3
autodoc_default_options = {"members": True}
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
html_theme = "furo"
html_additional_pages = {"index": "index.html"}
html_copy_source = False
html_math_renderer = "mathml"
templates_path = ["."]
html_static_path = ["tables.css"]
html_css_files = ["tables.css"]

MODULE = re.compile(r"## `(mlalign[\w.]*)`\n")
LINK = re.compile(r"^\|.*\]\(([^)#]+)\.md\)", re.MULTILINE)


def complete(_app: Sphinx, name: str, source: list[str]) -> None:
    """Add to a page what is made of other files: the navigation, the keys, the reference of modules."""
    sections = re.split(r"^(?=## )", source[0], flags=re.MULTILINE)
    if name == root_doc:
        source[0] = "\n".join(part + navigation(part) for part in sections)
    elif name == "docs/keys":
        source[0] += "\n".join(every_key())
    else:
        source[0] = "\n".join(part + reference(part) for part in sections)


def navigation(section: str) -> str:
    """The pages that a section's table links to, one a row."""
    pages = LINK.findall(section)
    caption = section.splitlines()[0].lstrip("# ")
    return "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""]) if pages else ""


def reference(section: str) -> str:
    """What the docstrings of a module say, whose name is the section's heading."""
    module = MODULE.match(section)
    return f"\n```{{eval-rst}}\n.. automodule:: {module[1]}\n```\n" if module else ""


def every_key() -> Iterator[str]:
    """A table for each group of keys of ``train.py``, each loss and each tuning."""
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = flattened(OmegaConf.to_container(compose("train"), throw_on_missing=False, enum_to_str=True))
    said = descriptions(Train)
    groups = [key for key, one in said.items() if "." not in key and any(name.startswith(f"{key}.") for name in said)]
    for group in groups:
        about, shown = said[group].means, {key: said[key] for key in said if key.startswith(f"{group}.")}
        yield from table(
            f"`{group}`", about, {key: (composed.get(key), one) for key, one in shown.items() if one.takes}
        )
    alone = {key: (composed.get(key), one) for key, one in said.items() if "." not in key and key not in groups}
    yield from table("The run", "what belongs to no group", alone)
    for group, types in (("losses", objective_types()), ("tuning", tuning_types())):
        for name, part in types.items():
            prefix, path = f"{group}.{name}.", Path(CONF) / group / f"{name}.yaml"
            chosen = flattened(OmegaConf.to_container(OmegaConf.load(path))) if path.is_file() else {}
            values = flattened(OmegaConf.to_container(OmegaConf.structured(part.Settings), enum_to_str=True)) | chosen
            about, files = (inspect.getdoc(part) or "").split("\n")[0].rstrip("."), descriptions_of_parts(group, [name])
            shown = {
                f"{prefix}{key}": (values.get(key), replace(one, means=one.means or means_of(files, f"{prefix}{key}")))
                for key, one in descriptions(part.Settings).items()
            }
            yield from table(f"`{group}.{name}`", about, shown)


def means_of(said: Mapping[str, Description], key: str) -> str:
    """What is said of a key, if anything is."""
    return said[key].means if key in said else ""


def table(heading: str, about: str, rows: Mapping[str, tuple[object, Description]]) -> Iterator[str]:
    """The section of one group: key, value without a word, what it takes, what it means."""
    yield from ("", f"## {heading}", "", f"{about[:1].upper()}{about[1:]}.", "")
    yield from ("| Key | Default | Takes | Means |", "| --- | --- | --- | --- |")
    for key, (value, said) in rows.items():
        typed = (
            yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1000).removesuffix("...\n").strip()
        )
        cells = (f"`{key}`", f"`{typed}`", said.takes, said.means)
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def draw_math(page: HTML5Translator, node: nodes.Element) -> None:
    """A formula as MathML, which browsers draw without a script."""
    page.body.append(tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def skip_unsaid(_app: Sphinx, _kind: str, _name: str, member: object, skip: bool, _options: object) -> bool:
    """Leave out the fields of a named tuple of which nothing is said but their place."""
    return skip or (inspect.getdoc(member) or "").startswith("Alias for field number")


def setup(app: Sphinx) -> None:
    """Connect what stands above."""
    app.connect("source-read", complete)
    app.connect("autodoc-skip-member", skip_unsaid)
    app.add_html_math_renderer("mathml", (draw_math, None), (draw_math, None))
