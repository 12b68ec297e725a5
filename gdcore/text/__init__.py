"""Text: strings become numbers by vocabularies that a model carries and saves.

A vectorizer learns from texts what there is, and `gd.Input` takes it in the place of a shape: `fit`, `evaluate` and
`predict` of the model then take strings, and so does what `gd.load` makes of its file.

>>> import gdcore as gd
>>> texts, good = ["a fine film", "a dull film", "fine, so fine", "dull and long"], [1, 0, 1, 0]
>>> words = gd.text.NGrams((1, 2)).fit(texts)
>>> model = gd.Sequential([gd.Input(words), gd.Dense(1, kernel_initializer="zeros")])
>>> _ = model.compile(gd.Adam(0.1), "binary_cross_entropy").fit(texts, good, epochs=20, seed=0)
>>> model.save("films.safetensors")
>>> p = gd.load("films.safetensors").predict_proba(["what a fine film", "dull"])
>>> bool(p[0] > 0.5 > p[1])
True
"""

from gdcore.lazy import lazy_names

__all__ = ["Characters", "NGrams", "Tokenizer", "Vectorizer", "Words", "from_sklearn", "read"]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "Characters": "gdcore.text.ids",
        "NGrams": "gdcore.text.ngrams",
        "Tokenizer": "gdcore.text.tokenizer",
        "Vectorizer": "gdcore.text.base",
        "Words": "gdcore.text.ids",
        "from_sklearn": "gdcore.text.sklearn_vectorizers",
        "read": "gdcore.text.strings",
    },
)
