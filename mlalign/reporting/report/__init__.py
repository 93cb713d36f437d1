"""One page on a comparison: tables, figures and every test example, without server or network."""
