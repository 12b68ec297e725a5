"""What people look at: summaries, progress, FLOPs, HTML."""
