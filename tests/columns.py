"""The columns of most tests: texts, perhaps of pairs, and classes."""

from core.data.column_mapping import CLASSIFICATION, ColumnMapping


def classes(text: str, label: str | None = None, pair: str | None = None) -> ColumnMapping:
    return ColumnMapping.of(CLASSIFICATION, text=text, pair=pair, label=label)
