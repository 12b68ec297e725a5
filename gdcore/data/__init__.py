"""Data sets: images that training changes as it gathers them; arrays, frames and sparse rows as `fit` takes them."""

from gdcore.lazy import lazy_names

__all__ = ["augmented", "images", "sequences", "windows"]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "augmented": "gdcore.data.augmentation",
        "images": "gdcore.data.image_folder",
        "sequences": "gdcore.data.ragged",
        "windows": "gdcore.data.series",
    },
)
