"""How figures are drawn: style, fonts, heatmaps, scatter plots, planes."""
