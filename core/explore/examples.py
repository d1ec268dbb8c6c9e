"""The texts that pages open with. Each was chosen so that the model that meets it is right, and worth watching.

`answer` is what stands at the mask, or what the view should find; `tests/core/test_examples.py` asks the models, and
keeps other examples out of the pages. Change one here, and the test says whether the built-in model knows it.
"""

from dataclasses import dataclass

from core.models import catalogue


@dataclass(frozen=True, slots=True)
class Example:
    """A text that ships, for the model called `model`; `answer` is the word at its mask, None where nothing is hidden.

    `pair` is the second text that a page offers to it.
    """

    text: str
    answer: str | None = None
    pair: str | None = None
    model: str = catalogue.BUILTIN


# Tokens
LONG_WORDS = Example(
    "BERT reads unbelievably long words in pieces, naïvely lower-cased.", pair="Does it understand them?"
)
# Inside a layer
FOLLOWED = Example("She made a cup of [MASK].", "tea", pair="It was hot.")
# Attention
ATTENDED = Example("He wrote a [MASK] to his mother.", "letter", pair="She read it twice.")
ATTENDED_OTHER = Example("She wrote a [MASK] to her father.", "letter")  # as many tokens: they can be compared
ATTENDED_BY_CLASSIFIER = Example("He wrote a letter to his mother.")
ATTENDED_BY_CLASSIFIER_OTHER = Example("She wrote a letter to her father.")
# Embeddings: the word “bank” by a river (1, 2) and for money (3, 4)
SENTENCES = Example(
    "They walked along the bank of the river.\n"
    "Trees grow on the bank of the stream.\n"
    "The bank raised its interest rates.\n"
    "The bank lent him the money."
)
# Fill the [MASK]
HIDDEN = Example("Tokyo is a city in [MASK].", "japan")
GIVEN_WORDS = "he | she | they"
GIVEN = Example("The nurse smiled when [MASK] saw the baby.", "she")
GIVEN_OTHER = Example("The engineer smiled when [MASK] saw the baby.", "he")
SURPRISING = Example("He drank a cup of sand.")
LESS_SURPRISING = Example("He drank a cup of tea.")
LEARNED_FROM = Example(
    "When the Second World War ended in 1945, he returned to the University of Cambridge, where he studied law and met "
    "his wife. He wrote three books about the history of the city."
)
FIRST, SECOND = Example("She opened the fridge."), Example("There was no milk left.")  # for models from the Hub

# The teaching model knows thirteen words, and every sentence of its language
TEACHING = Example("[MASK] dogs bark and one cow moos.", "two", pair="two dogs bark.", model=catalogue.TEACHING)
TEACHING_OTHER = Example("[MASK] cat meows.", "one", model=catalogue.TEACHING)
TEACHING_WORDS = "one | two"
TEACHING_WHOLE = Example("two dogs bark and one cow moos.", model=catalogue.TEACHING)
TEACHING_SURPRISING = Example("two dogs barks.", model=catalogue.TEACHING)
TEACHING_LESS_SURPRISING = Example("two dogs bark.", model=catalogue.TEACHING)
TEACHING_SENTENCES = Example(
    "two dogs bark.\none cat meows and two dogs bark.\none cow moos.\ntwo ducks quack and one dog barks.",
    model=catalogue.TEACHING,
)
TEACHING_FIRST = Example("two dogs bark.", model=catalogue.TEACHING)
TEACHING_SECOND = Example("one dog barks and two cats meow.", model=catalogue.TEACHING)
