"""Attention: its weights, selections and summaries; heads switched off; what an answer rests on; bertviz."""
