"""What `--help` tells below the options: examples, and what SOURCE and DATA are."""

from __future__ import annotations

__all__ = ["EXAMPLES", "SOURCE"]

SOURCE = (
    "digits, an .npz file, a folder of MNIST-style idx files, or a table: a .csv, .xlsx, .feather or "
    ".parquet file, or a folder of .parquet files"
)

EXAMPLES = {
    "": """examples:
  gdcore train digits
  gdcore train houses.csv --target price --out houses.safetensors
  gdcore predict houses.safetensors new.csv --out prices.csv
  gdcore evaluate houses.safetensors sold.csv
  gdcore info""",
    "train": """examples:
  gdcore train digits --plot curves.png
  gdcore train mnist/ --hidden 512,512 --dropout 0.2 --epochs 10 --out mnist.safetensors
  gdcore train houses.csv --target price --kind zip=category --out houses.safetensors
  gdcore train adult.csv --target income --test adult-test.csv --plot adult.png
  gdcore train loans.csv --target bad --class-weight balanced --threshold recall=0.9 --report r.html
  gdcore train houses.csv --target price --model realmlp --folds 5 --out houses.safetensors
  gdcore train iris.csv --target -1 --no-header --hidden 16
  gdcore train umsatz.csv.gz --target Preis --decimal , --thousands . --na -999,n.v.
  gdcore train data.npz --loss huber --metric r2,mae --optimizer sgd --lr 0.05 --schedule one_cycle

SOURCE is digits (1,797 handwritten digits that come along), an .npz file with x and y (or x_train,
y_train, x_test, y_test), a folder of MNIST-style idx files, or a table: a .csv, .xlsx, .feather
or .parquet file, or a folder of .parquet files. A
test part that a source has is what the model is measured on; otherwise a fifth of the rows is held
out. Of a table, the kind of each column is inferred and shown: numbers are standardised by what the
training rows show, missing values filled in and flagged, categories become vectors that are
learned; the model's file holds all that predict needs. A .csv may be packed (.gz, .bz2, .xz), and
- is one from standard input. Ctrl-C ends the training early; what was
learned by then is saved if --out is given.""",
    "predict": """examples:
  gdcore predict houses.safetensors new.csv
  gdcore predict houses.safetensors new.csv --keep id,street --out prices.csv
  gdcore predict mnist.safetensors mnist/ --proba --out probabilities.npy

DATA is what the training data was; a .csv file may have another separator and encoding than that
one, may be packed, or - for standard input, and need not have the target's column; an .npz or .npy
file may hold x alone. A source with a test part gives its test part.""",
    "evaluate": """examples:
  gdcore evaluate digits.safetensors digits
  gdcore evaluate houses.safetensors sold.csv

DATA is what the training data was, the target included. A source with a test part gives its
test part.""",
    "info": """examples:
  gdcore info
  gdcore info houses.safetensors
  GDCORE_ISA=avx2 gdcore info""",
}
