"""The little of the look that the theme's settings cannot say."""

import streamlit as st

# The accent carries white text on buttons and tags, so in the dark it is too dark to be text itself: about 3.5 : 1 on
# what Streamlit puts behind a chosen button. There, and on sliders, text has the page's own colour instead.
# A formula that is wider than a phone is scrolled within itself.
# Where fingers point, the tool bar of a table or chart is always seen, and would lie on the controls above the table or
# on the legend of the chart: there, and on a narrow page, it has a strip of its own.
STYLE = """<style>
.stButtonGroup [data-selected], [data-testid="stSliderThumbValue"] { color: inherit !important; }
.stButtonGroup [data-selected] p { font-weight: 600; }
.katex { display: inline-block; max-width: 100%; overflow: auto hidden; vertical-align: middle; }
@media (max-width: 640px), (hover: none) {
  [data-testid="stElementContainer"]:has([data-testid="stElementToolbar"]) {
    padding-top: 2.75rem; box-sizing: content-box;
  }
  [data-testid="stElementContainer"]:has([data-testid="stPlotlyChart"]) { padding-top: 2rem; box-sizing: content-box; }
  [data-testid="stPlotlyChart"] .js-plotly-plot { overflow: visible !important; }
  [data-testid="stPlotlyChart"] .modebar-container { top: -2rem !important; }
}
</style>"""


def apply_style() -> None:
    """Add it to the page, whichever page runs. Takes no room on it."""
    st.html(STYLE)
