"""Looking inside a model: tokens, the trace of a forward pass, and what is read from it. Draws nothing."""
