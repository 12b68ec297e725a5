"""Checkpoints: files from which a training run goes on as if nothing had happened."""

from gdcore.checkpoints.callback import Checkpoint
from gdcore.checkpoints.files import resume as resume

__all__ = ["Checkpoint"]
