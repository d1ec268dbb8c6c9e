"""Where files come from: uploads, samples that ship, data sets of the Hub. A reference in, a path out."""
