"""Published networks for images, built of gdcore's layers: VGG16, ResNets, InceptionV3 and MobileNetV2.

Each is a function that gives a `gd.Model` with random weights over images (B, height, width, channels). Published
weights are loaded by the names of the layers: `gd.interop.from_torch` takes the ``state_dict`` of torchvision's
network of the same name, `gd.interop.from_keras` the network of ``keras.applications``. Where the two differ,
in where a stride or a border is, `variant` says whose network it is.

Examples
--------
>>> import gdcore as gd
>>> model = gd.models.resnet20(classes=10)
>>> model.predict(gd.datasets.digits()[0][0][:2, :1, None, None].repeat(32, 1).repeat(32, 2).repeat(3, 3)).shape
(2, 10)
"""

from gdcore.models.inception import inception_v3
from gdcore.models.mobilenet import mobilenet_v2
from gdcore.models.resnet import resnet18, resnet20, resnet50
from gdcore.models.vgg import vgg16

__all__ = ["inception_v3", "mobilenet_v2", "resnet18", "resnet20", "resnet50", "vgg16"]
