"""All targets by name."""

import difflib  # noqa: F401  (what guesses at names is loaded before anything is watched)

from .datafiles import DATA
from .networks import NETWORKS
from .plans import PLANS

TARGETS = {target.name: target for target in (*NETWORKS, *PLANS, *DATA)}
