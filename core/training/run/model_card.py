"""The README.md of a trained model's folder: how plain transformers read texts as the run's scores did. Pure text."""

from core.models.inference_settings import FILE, InferenceSettings

_STRATEGIES = {"longest": "True", "first": '"only_first"', "second": '"only_second"'}

_TEXTS = """\
```python
from transformers import pipeline

model = pipeline("text-classification", model="."{options})
model({example})
```

Pass `truncation`: no setting in this folder can turn it on, and without it the pipeline reads a longer text whole. Its
answer may then be another than the scored one, or it fails at the network's own limit. {reading}
"""
_ANSWERS = {
    "sequence-classification": "The label with the highest score is the answer.",
    "multi-label": "The answer is every label with a score above {threshold:g}, which may be none.",
    "regression": "The score is the number itself, in the unit of the training data.",
}
_TAGS = """\
```python
from transformers import pipeline

model = pipeline("token-classification", model=".", ignore_labels=[])
model("The text to be tagged")
```

This pipeline cuts texts by itself. The tag of a word is that of its first token; the words are those that blanks part.
Words behind the cut count as tagged with “O”.
"""
_WINDOWS = """\
```python
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
network = AutoModelForQuestionAnswering.from_pretrained(".")
windows = tokenizer(
    question, passage, truncation="only_second", stride={overlap},
    return_overflowing_tokens=True, return_offsets_mapping=True, padding=True, return_tensors="pt",
)
```

A long passage is read in windows that share {overlap} tokens, or half of the room that the question leaves where that
is less. The answer is the span of at most {longest} tokens of the passage, in any window, with the highest sum of start
and end logit.{decline}
"""
_DECLINE = """ There is no answer where the sum of both logits of the first token, in the window where it is lowest, is
higher than that."""
_CHOICES = """\
```python
from transformers import AutoModelForMultipleChoice, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
network = AutoModelForMultipleChoice.from_pretrained(".")
batch = tokenizer([beginning] * len(choices), choices, truncation=True, padding=True, return_tensors="pt")
logits = network(**{{name: values[None] for name, values in batch.items()}}).logits
```

Where there is a question, each choice is the question, a blank and the choice. The choice with the highest logit is the
answer.
"""
_MASKS = """\
```python
from transformers import pipeline

model = pipeline("fill-mask", model=".", tokenizer_kwargs={{"truncation": True}})
model("A text with {mask}.")
```
"""
_PIPELINES = {
    "token-classification": "token-classification",
    "question-answering": "question-answering",
    "multiple-choice": "multiple-choice",
    "masked-language": "fill-mask",
}


def model_card(task: str, settings: InferenceSettings, *, has_pairs: bool = False, mask: str = "[MASK]") -> str:
    """The card as Markdown, with the head that model hubs read. `has_pairs`: the task's texts come in pairs."""
    return (
        f"---\nlibrary_name: transformers\npipeline_tag: {_PIPELINES.get(task, 'text-classification')}\n---\n\n"
        f"# A model for {task}, trained with BERT Lab\n\n"
        f"The scores of this model were measured on inputs of at most {settings.max_length} tokens, special tokens "
        f"included. The tokenizer in this folder carries this length, and `{FILE}` all that BERT Lab goes by. To get "
        f"the same answers:\n\n{_how(task, settings, has_pairs, mask)}"
    )


def _how(task: str, settings: InferenceSettings, has_pairs: bool, mask: str) -> str:
    if task == "token-classification":
        return _TAGS
    if task == "question-answering":
        decline = _DECLINE if settings.can_decline else ""
        return _WINDOWS.format(overlap=settings.window_overlap, longest=settings.longest_answer, decline=decline)
    if task == "multiple-choice":
        return _CHOICES.format()
    if task == "masked-language":
        return _MASKS.format(mask=mask)
    options = f", truncation={_STRATEGIES[settings.truncation] if has_pairs else 'True'}"
    return _TEXTS.format(
        options=options + (", top_k=None" if task == "multi-label" else ""),
        example='{"text": "The first text", "text_pair": "The second text"}' if has_pairs else '"A text"',
        reading=_ANSWERS[task].format(threshold=settings.threshold),
    )
