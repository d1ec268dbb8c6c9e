"""What a training will take: steps, time and memory, before anything is loaded."""
