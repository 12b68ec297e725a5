"""Names of Keras, PyTorch and scikit-learn, and their equivalents in gdcore.

A name with the same meaning is accepted; for a feature that gdcore lacks, an error says what to use instead.
There is one table for each kind of name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from gdcore.errors import did_you_mean, unknown

__all__ = [
    "ABSENT_ATTRIBUTES",
    "ABSENT_LOSSES",
    "ABSENT_METRICS",
    "ABSENT_OPTIMIZERS",
    "ELSEWHERE",
    "LOSSES",
    "METRICS",
    "attribute_error",
    "canonical",
    "check_suffix",
    "folded",
]

_FUNCTION = (
    "write it as a function of (prediction, target) with gd.ops and pass that, "
    "as the guide on custom layers and losses shows"
)

# Names of losses, optimizers and metrics are compared without case and underscores, so that
# "binary_crossentropy", "BinaryCrossentropy" and "binary_cross_entropy" are one name.
LOSSES = {
    "bce": "binary_cross_entropy",
    "ce": "cross_entropy",
    "categoricalcrossentropy": "cross_entropy",
    "huberloss": "huber",
    "kld": "kl_divergence",
    "kldiv": "kl_divergence",
    "kullbackleiblerdivergence": "kl_divergence",
    "meanabsoluteerror": "mae",
    "meansquarederror": "mse",
    "pinball": "quantile",
    "quantileloss": "quantile",
    "smoothl1": "huber",
    "sparsecategoricalcrossentropy": "cross_entropy",
}
ABSENT_LOSSES = {
    "binaryfocalcrossentropy": _FUNCTION,
    "categoricalfocalcrossentropy": _FUNCTION,
    "categoricalhinge": _FUNCTION,
    "ctc": "there is none; write it with gd.ops",
    "dice": _FUNCTION,
    "mape": _FUNCTION,
    "meanabsolutepercentageerror": _FUNCTION,
    "meansquaredlogarithmicerror": _FUNCTION,
    "msle": _FUNCTION,
    "nll": "use 'cross_entropy', which takes logits, softmax or log_softmax",
    "rmse": "use 'mse', which has the same minimum, and metrics=['rmse']",
    "rootmeansquarederror": "use 'mse', which has the same minimum, and metrics=['rmse']",
    "tversky": _FUNCTION,
}
METRICS = {
    "binaryaccuracy": "accuracy",
    "categoricalaccuracy": "accuracy",
    "sparsecategoricalaccuracy": "accuracy",
    "topkcategoricalaccuracy": "top_k",
    "sparsetopkcategoricalaccuracy": "top_k",
}
_LOGGED = "the loss is among the numbers of every epoch already, as 'loss'"
ABSENT_METRICS = {
    "bce": _LOGGED,
    "binarycrossentropy": _LOGGED,
    "categoricalcrossentropy": _LOGGED,
    "crossentropy": _LOGGED,
    "logloss": _LOGGED,
    "sparsecategoricalcrossentropy": _LOGGED,
}
ABSENT_OPTIMIZERS = {
    "adafactor": "write it as a subclass of gd.Optimizer, or use 'adam'",
    "adamax": "write it as a subclass of gd.Optimizer, or use 'adam'",
    "ftrl": "write it as a subclass of gd.Optimizer, or use 'adagrad'",
    "lamb": "write it as a subclass of gd.Optimizer, or use 'adamw'",
    "lbfgs": "call gd.lbfgs(model, x, y) instead of fit",
    "lion": "the guide on custom layers and losses writes it as a subclass of gd.Optimizer",
    "muon": "write it as a subclass of gd.Optimizer, or use 'adamw'",
}

# Names that modules do not have, and what to use instead.
ELSEWHERE = {
    "AdaptiveAvgPool2d": "gd.AdaptiveAvgPool",
    "AdaptiveMaxPool2d": "gd.AdaptiveMaxPool",
    "AveragePooling1D": "gd.AvgPool1D",
    "AveragePooling2D": "gd.AvgPool2D",
    "AveragePooling3D": "gd.AvgPool3D",
    "AvgPool1d": "gd.AvgPool1D",
    "AvgPool2d": "gd.AvgPool2D",
    "AvgPool3d": "gd.AvgPool3D",
    "BCELoss": "gd.losses.BinaryCrossEntropy",
    "BCEWithLogitsLoss": "gd.losses.BinaryCrossEntropy",
    "BackupAndRestore": "gd.Checkpoint(folder), with fit(resume_from=folder)",
    "BatchNorm1d": "gd.BatchNorm",
    "BatchNorm2d": "gd.BatchNorm",
    "BatchNormalization": "gd.BatchNorm",
    "BinaryCrossentropy": "gd.losses.BinaryCrossEntropy",
    "CategoricalCrossentropy": "gd.losses.CrossEntropy",
    "Cropping1D": "gd.Crop",
    "Cropping2D": "gd.Crop",
    **{f"Conv{n}d": f"gd.Conv{n}D" for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": f"gd.ConvTranspose{n}D" for n in (1, 2)},
    **{f"Conv{n}DTranspose": f"gd.ConvTranspose{n}D" for n in (1, 2)},
    **{f"Convolution{n}D": f"gd.Conv{n}D" for n in (1, 2, 3)},
    "CrossEntropyLoss": "loss='cross_entropy'",
    "Dropout2d": "gd.SpatialDropout",
    "GlobalAveragePooling1D": "gd.GlobalAvgPool",
    "GlobalAveragePooling2D": "gd.GlobalAvgPool",
    "GlobalMaxPooling1D": "gd.GlobalMaxPool",
    "GlobalMaxPooling2D": "gd.GlobalMaxPool",
    "GroupNormalization": "gd.GroupNorm",
    "InputLayer": "gd.Input",
    "InstanceNorm1d": "gd.InstanceNorm",
    "InstanceNorm2d": "gd.InstanceNorm",
    "LayerNormalization": "gd.LayerNorm",
    "Linear": "gd.Dense",
    "MSELoss": "loss='mse'",
    "MaxPool1d": "gd.MaxPool1D",
    "MaxPool2d": "gd.MaxPool2D",
    "MaxPool3d": "gd.MaxPool3D",
    "MaxPooling1D": "gd.MaxPool1D",
    "MaxPooling2D": "gd.MaxPool2D",
    "MaxPooling3D": "gd.MaxPool3D",
    "Module": "gd.Model or gd.Layer, with a forward(self, x)",
    "RMSNormalization": "gd.RMSNorm",
    "MultiheadAttention": "gd.MultiHeadAttention",
    "ReLU": "gd.Activation('relu')",
    "ReduceLROnPlateau": "a learning rate, gd.schedules.ReduceOnPlateau(0.1)",
    "ReflectionPad2d": "gd.ReflectPad",
    "Softmax": "gd.Activation('softmax')",
    "SparseCategoricalCrossentropy": "gd.losses.CrossEntropy",
    "SpatialDropout1D": "gd.SpatialDropout",
    "SpatialDropout2D": "gd.SpatialDropout",
    "StochasticDepth": "gd.DropPath",
    "TensorBoard": "gd.TensorBoardLogger",
    "TransformerDecoderLayer": "gd.TransformerDecoder",
    "TransformerEncoderLayer": "gd.TransformerEncoder",
    "TerminateOnNaN": "nothing to pass: fit stops by itself, with gd.NonFiniteError",
    "Upsample": "gd.UpSampling2D",
    "ZeroPad2d": "gd.ZeroPad",
    "ZeroPadding1D": "gd.ZeroPad",
    "ZeroPadding2D": "gd.ZeroPad",
    "conv2d": "gd.ops.conv, which takes sequences, images and volumes",
    "constraints": "gd.ops.clip of a parameter in a layer's forward",
    "load_model": "gd.load",
    "regularizers": "the arguments kernel_l1 and kernel_l2 of layers",
    "to_categorical": "nothing: the loss 'cross_entropy' takes class numbers as they are",
}

_WEIGHTS = (
    "get_weights() and state_dict() give copies of them, set_weights and load_state_dict set them"
)
_MODES = (
    "predict and evaluate compute without dropout by themselves, fit and train_on_batch with it"
)
_WHOLE = "save(path) writes architecture, weights and optimizer; gd.load(path) gives the model back"
# Attributes that models and layers do not have.
ABSENT_ATTRIBUTES = {
    "add_loss": "give the model a second output, with a loss of its own",
    "backward": "gradients(x, y) gives the gradient, train_on_batch(x, y) takes a step",
    "build": "begin the model with gd.Input(shape), or give it data",
    "call": "write the computation as forward(self, x)",
    "count_params": "summary() counts the parameters",
    "cpu": "everything is computed on the CPU",
    "cuda": "everything is computed on the CPU",
    "eval": _MODES,
    "evaluate_generator": "evaluate takes arrays, files mapped into memory and sparse matrices",
    "fit_generator": "fit takes arrays, files mapped into memory and sparse matrices",
    "from_config": _WHOLE,
    "get_config": _WHOLE,
    "get_layer": "the attribute or the list that holds the layer is the way to it",
    "load_weights": (
        "gd.load(path) gives the whole model; "
        "model.load_state_dict(gd.load(path).state_dict()) takes the weights alone"
    ),
    "named_parameters": _WEIGHTS,
    "parameters": _WEIGHTS,
    "partial_fit": "train_on_batch(x, y) takes one step",
    "predict_classes": "predict(x).argmax(-1) gives the class numbers",
    "reset_states": "layers keep no state between calls of predict",
    "save_weights": "save(path) writes the whole model; numpy.savez(path, **state_dict()) the weights",
    "score": "evaluate(x, y) gives the loss and every metric by name",
    "test_on_batch": "evaluate(x, y) measures without learning",
    "to_json": _WHOLE,
    "to_yaml": _WHOLE,
    "train": _MODES,
    "trainable_variables": _WEIGHTS,
    "trainable_weights": _WEIGHTS,
    "weights": _WEIGHTS,
    "zero_grad": "gradients are computed anew at each step",
}

# Formats, by file suffix, that `save` does not write.
_SUFFIXES = {
    **dict.fromkeys((".h5", ".hdf5", ".keras"), "a Keras file"),
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin"), "a PyTorch file"),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), "a pickle"),
    **dict.fromkeys((".npz", ".npy"), "NumPy arrays"),
    **dict.fromkeys((".pb", ".tflite"), "a TensorFlow file"),
    **dict.fromkeys((".json", ".yaml", ".yml", ".csv", ".txt"), "text"),
    ".onnx": "an ONNX file, which gd.onnx.save(model, path) writes",
}


def folded(name: str) -> str:
    """A name without case and separators.

    Parameters
    ----------
    name : str

    Returns
    -------
    str

    Examples
    --------
    >>> folded("Binary_CrossEntropy")
    'binarycrossentropy'
    """
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def canonical(
    kind: str,
    name: str,
    known: Iterable[str],
    others: Mapping[str, str] | None = None,
    absent: Mapping[str, str] | None = None,
) -> str:
    """The name in gdcore that is equivalent to a name of another library.

    Parameters
    ----------
    kind : str
        What the name stands for, such as "loss".
    name : str
        What was got.
    known : iterable of str
        Every name that there is.
    others, absent : mapping, optional
        Keys are folded names; values the equivalent known name, and what to use instead.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it stands for none.

    Examples
    --------
    >>> canonical("loss", "sparse_categorical_crossentropy", ["cross_entropy"], LOSSES)
    'cross_entropy'
    """
    words = list(known)
    if name in words:
        return name
    plain = folded(name)
    found = {folded(w): w for w in words}.get(plain) or (others or {}).get(plain)
    if found is not None:
        return found
    if absent and plain in absent:
        raise ValueError(f"gdcore has no {kind} {name!r}: {absent[plain]}")
    raise unknown(kind, name, words, others)


def check_suffix(path: str | os.PathLike[str]) -> None:
    """Refuse the name of another format for a file that will hold safetensors.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ValueError
        If it is one.

    Examples
    --------
    >>> check_suffix("model.safetensors"), check_suffix("model")
    (None, None)
    """
    stem, suffix = os.path.splitext(os.fspath(path))
    if suffix.lower() in _SUFFIXES:
        raise ValueError(
            f"{os.fspath(path)}: the name promises {_SUFFIXES[suffix.lower()]}, and what is "
            f"written is a safetensors file: expected a name such as {stem}.safetensors"
        )


def attribute_error(of: object, name: str) -> AttributeError:
    """The error (not raised) for an attribute that an object does not have: what does the same.

    Parameters
    ----------
    of : object
    name : str

    Returns
    -------
    AttributeError

    Examples
    --------
    >>> import gdcore as gd
    >>> print(attribute_error(gd.Sequential([]), "to_json"))
    Sequential has no attribute 'to_json': save(path) writes architecture, weights and ...
    """
    if hasattr(type(of), name):  # a property that raised AttributeError: report that error
        object.__getattribute__(of, name)
    instead = ABSENT_ATTRIBUTES.get(name)
    if instead is None and not name.startswith("_"):
        instead = did_you_mean(name, (n for n in dir(type(of)) if not n.startswith("_")))
    return AttributeError(
        f"{type(of).__name__} has no attribute {name!r}{f': {instead}' if instead else ''}",
        name=name,
        obj=of,
    )
