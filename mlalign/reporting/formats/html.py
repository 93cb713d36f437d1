"""Tables as parts of a page, which brings the style: classes, but no colours and no widths."""

from jinja2 import Environment

from mlalign.reporting.formats.grid import grids
from mlalign.reporting.tables import Table

TEMPLATE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<section class="comparison" id="scores-{{ table.task }}-{{ table.kind }}">
{% for grid in grids %}
<div class="scroll" role="region" aria-label="{{ grid.title }}" tabindex="0">
<table>
<caption>{{ grid.title }}</caption>
<thead><tr><td></td>{% for one in grid.head %}<th scope="col">{{ one }}</th>{% endfor %}</tr></thead>
{% for group in grid.rows | map(attribute="group") | unique %}
<tbody class="{{ group }}">
{% for row in grid.rows if row.group == group %}
<tr><th scope="row">{{ row.name }}</th>
{%- for cell in row.cells %}
<td>{% if cell.is_best %}<strong>{{ cell.text }}</strong>{% else %}{{ cell.text }}{% endif %}
{%- if cell.spread %} <small>± {{ cell.spread }}</small>{% endif %}
{%- if cell.marks %}<sup>{{ cell.marks }}</sup>{% endif %}</td>
{%- endfor %}</tr>
{% endfor %}
</tbody>
{% endfor %}
</table>
</div>
{% if grid.notes %}
<ul class="notes">
{% for note in grid.notes %}
<li>{{ note }}</li>
{% endfor %}
</ul>
{% endif %}
{% endfor %}
</section>""")


def html(table: Table) -> str:
    """One section with a table each for the scores and for the tests."""
    return TEMPLATE.render(table=table, grids=grids(table))
