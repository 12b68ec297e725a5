"""What is shown to the user: summaries, progress, FLOPs, HTML."""
