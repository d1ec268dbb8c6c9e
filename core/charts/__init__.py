"""Values in, Plotly figures out. No file here reads a model, a table or a run; colours come from the app's theme."""
