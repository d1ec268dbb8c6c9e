"""Values in; Plotly figures out, and a Vega-Lite specification for runs that go on. Reads no model, table or run.

Colours come from the app's theme.
"""
