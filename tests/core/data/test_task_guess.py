"""Which task a table looks made for: what each needs, and what must not be taken for it."""

import pytest

from core.data.columns.task_guess import guess_task
from core.data.reading.read_table import read_table
from core.data.sources.references import open_table
from core.data.sources.sample_sets import samples
from core.tasks import TASKS

CLASSES = TASKS[0]


@pytest.mark.parametrize(
    ("task", "table"),
    [
        ("question-answering", "question,context,answer\nWhere?,It is in Rome.,Rome\nWhen?,Nothing is said.,\n"),
        (CLASSES, "question,context,answer\nWhere?,It is in Rome.,In the capital\nWhen?,In May.,May\n"),
        ("token-classification", "tokens,ner_tags\nEU rejects it,B-ORG O O\nGo,O\nSo be it,O O O\n"),
        (CLASSES, "sentence,tags\nEU rejects it,news short\nGo on now,spoken\n"),
        ("multiple-choice", "ctx,ending0,ending1,label\nwe,go,stay,0\nyou,go,stay,1\n"),
        ("multiple-choice", "article,question,A,B,answer\na b,q,b,c,A\na b,q,b,c,B\n"),
        (CLASSES, "id,title,text,author,label\n1,a b,c d,e,0\n2,f g,h i,j,1\n"),
        ("regression", "sentence1,sentence2,score\na b,c d,1.5\ne f,g h,2\ni j,k l,3.25\n"),
        (CLASSES, "review,rating\ngood,5\nbad,1\nso so,3\n"),
        (CLASSES, "text,label,confidence\ngood,yes,0.5\nbad,no,0.75\n"),
        ("multi-label", "text,toxic,rude,sexist\na b,0,1,0\nc d,1,0,0\n"),
        ("multi-label", 'text,labels\none,"war,love"\ntwo,love\nthree,"war,love"\nfour,war\n'),
        ("multi-label", '{"text": "one", "labels": ["war", "love"]}\n{"text": "two", "labels": ["love", "war"]}\n'),
        (CLASSES, "text,labels\none,card arrival\ntwo,card lost\nthree,card arrival\n"),
        (CLASSES, "text,toxic,rude\na b,0,1\nc d,1,0\n"),
        ("masked-language", "text\na b c\nd e f\n"),
        (CLASSES, "a,b\nx y,z\n"),
    ],
)
def test_the_task_is_seen_from_names_and_cells(task: str, table: str):
    assert guess_task(read_table(table.encode(), name="t")) == task


def test_every_sample_is_for_classes():
    assert {guess_task(open_table(sample.reference)) for sample in samples()} == {CLASSES}
