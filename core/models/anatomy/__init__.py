"""What a model is made of, from its configuration alone: parts, settings, work, shapes. Opens no weights."""
