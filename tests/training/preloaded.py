"""What every killed run needs, imported and made once by the server that forks their processes."""

import lightning_fabric  # noqa: F401
import torch.utils.tensorboard  # noqa: F401

import softlabel.data.sources.digits
import softlabel.training.train  # noqa: F401
from tests.training.tiny import tiny_prepared

tiny_prepared()
