"""Checkpoints: files from which a training run resumes with the same bits as without the interruption."""

from gdcore.checkpoints.callback import Checkpoint
from gdcore.checkpoints.files import resume as resume

__all__ = ["Checkpoint"]
