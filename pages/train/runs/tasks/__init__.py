"""What the page Runs draws of each task, one module and one class a task."""

from __future__ import annotations

from core.tasks import FIRST
from pages.train.runs.tasks.masked_language import MaskedLanguageView
from pages.train.runs.tasks.multi_label import MultiLabelView
from pages.train.runs.tasks.multiple_choice import MultipleChoiceView
from pages.train.runs.tasks.question_answering import QuestionAnsweringView
from pages.train.runs.tasks.regression import RegressionView
from pages.train.runs.tasks.sequence_classification import SequenceClassificationView
from pages.train.runs.tasks.task_view import TaskView
from pages.train.runs.tasks.token_classification import TokenClassificationView

VIEWS: dict[str, TaskView] = {
    view.spec.name: view
    for view in (
        SequenceClassificationView(),
        MultiLabelView(),
        RegressionView(),
        TokenClassificationView(),
        QuestionAnsweringView(),
        MultipleChoiceView(),
        MaskedLanguageView(),
    )
}


def view_of(task: str) -> TaskView:
    """What draws this task; one that is not known is drawn as the first that the lab had."""
    return VIEWS.get(task, VIEWS[FIRST])
