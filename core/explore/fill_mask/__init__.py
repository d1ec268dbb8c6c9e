"""What belongs at a [MASK]: guesses, candidates, layer by layer, surprise, next sentence, a game."""
