"""Excel workbooks: the package, what its sheets share, and the cells of one sheet as the strings a person sees."""
