"""Every kind of mistake: one line, and an exit code that tells whose it is."""

import os
from pathlib import Path

import numpy as np
import pytest
from commands import run, write_npz, write_table

from gdcore.cli import main

USAGE = [
    ("trian digits", "unknown command 'trian': did you mean 'train'?"),
    ("train", "the following arguments are required: SOURCE"),
    ("train digits more", "one argument too many: 'more'"),
    ("train digits --hiden 3", "unknown option '--hiden' (did you mean '--hidden'?)"),
    ("train digits --epoch 3", "unknown option '--epoch' (did you mean '--epochs'?)"),
    ("train digits --optimizer adm", "unknown optimizer 'adm': did you mean 'adam'?"),
    (
        "train digits --loss cross_entrpy",
        "unknown loss 'cross_entrpy': did you mean 'cross_entropy'?",
    ),
    ("train digits --metric acuracy", "unknown metric 'acuracy': did you mean 'accuracy'?"),
    ("train digits --activation rleu", "unknown activation 'rleu': did you mean 'relu'?"),
    ("train digits --schedule cosin", "unknown schedule 'cosin': did you mean 'cosine'?"),
    ("train digits --missing dorp", "unknown way with missing values 'dorp': did you mean 'drop'?"),
    ("train digits --dtype float16", "unknown dtype 'float16'"),
    ("train digits --epochs 0", "got '0', expected a whole number of at least 1"),
    ("train digits --epochs many", "got 'many', expected a whole number"),
    ("train digits --batch-size -3", "expected a whole number of at least 1"),
    ("train digits --threads 0", "expected a whole number from 1 to 1024"),
    (
        "train digits --seed 18446744073709551616",
        "expected a whole number from 0 to 18446744073709551615",
    ),
    ("train digits --lr -1", "got '-1', expected a number above 0"),
    ("train digits --lr nan", "got 'nan', expected a number above 0"),
    ("train digits --dropout 1", "got '1', expected at least 0 and below 1"),
    ("train digits --validation nan", "got 'nan', expected at least 0 and below 1"),
    ("train digits --hidden 3,x", "expected sizes of layers such as 256,128"),
    ("train digits --target a", "--target is for .csv files"),
    ("train digits --no-header", "--header is for .csv files"),
    ("train digits --loss mse", "digits holds classes, not quantities"),
    ("train digits --loss hinge", "--loss hinge is for 2 classes, and digits has 10"),
    (
        "train digits --loss mse --task classification",
        "--loss mse is for regression, and --task says classification",
    ),
    ("train digits --out no/folder", "there is no folder"),
    ("train digits --out .", "is a folder, expected the name of a file"),
    ("train digits --plot a.pgn", "unknown format of a picture 'pgn': did you mean 'png'?"),
    ("train digts", "'digts' is neither a file nor a folder (did you mean 'digits'?)"),
    ("train tt.csv", "did you mean 't.csv'?"),
    (
        "train t.csv",
        "--target is missing, expected the column to predict: one of year, tiny, kind, price",
    ),
    ("train t.csv --target prize", "--target 'prize' is not a column (did you mean 'price'?)"),
    ("train t.csv --target 4", "--target '4' is not a column"),
    (
        "train t.csv --target price --ignore yaer",
        "--ignore 'yaer' is not a column (did you mean 'year'?)",
    ),
    ("train t.csv --target price --delimiter ab", "expected one character"),
    ("train t.csv --target price --delimiter ;", "is it another --delimiter?"),
    ("train t.csv --target price --loss poisson --validation 0.999", "leaves a part empty"),
    (
        "train t.csv --target price --metric accuracy",
        "--metric accuracy does not go with --loss mse",
    ),
    ("train negative.npz --loss poisson", "--loss poisson is for counts, and negative.npz holds -"),
    ("train x.npy", "one array is not enough to train on"),
    ("train readme", "cannot tell from the name what this is"),
    ("predict m", "the following arguments are required: DATA"),
    ("predict nothing digits", "MODEL nothing is not there"),
    ("predict . digits", "MODEL . is a folder"),
    ("predict m digits --out p.txt", "expected a name that ends in .csv, .npy or .parquet"),
    ("predict m t.csv", "the model was not trained on a table"),
    ("predict m nothing.csv", "'nothing.csv' is neither a file nor a folder"),
    ("predict quantities negative.npz --proba", "--proba is for classes"),
    ("evaluate m x.npy", "one array is not enough to measure on"),
    ("info nothing", "MODEL nothing is not there"),
]

FAILURES = [
    ("train empty.csv --target a", "the file is empty"),
    ("train head.csv --target a", "got no rows of data"),
    (
        "train ragged.csv --target a",
        "line 3 has 2 cells, expected 3: mend the line, or pass another --delimiter",
    ),
    ("train binary.csv --target a", "not a text file"),
    ("train broken.npz", "not a sound .npz file"),
    ("train names.npz", "expected x and y"),
    ("train nan.npz", "nan.npz: x holds nan at row 3, column 1"),
    ("train objects.npz", "holds Python objects, which are never unpickled"),
    ("train constant.npz", "y is always 1, expected at least 2 classes"),
    ("train folder", "no train-images-idx3-ubyte"),
    ("predict broken.npz digits", "cannot read 'broken.npz' as safetensors"),
    ("predict m broken.npz", "broken.npz: not a sound .npz file"),
    ("predict m broken.npy", "broken.npy: not a sound .npz file"),
    ("predict m objects.npz", "objects.npz: x.npy holds Python objects"),
    ("predict m large.npy", "declares shape (4000000000000,) of float64, which is"),
    ("predict m names.npz", "expected one of x_test, X_test, x, X"),
    ("predict m x.npy", "input 'x' has the shape (5, 3): expected (n, 64)"),
    ("evaluate m negative.npz", "never saw"),
    ("train digits --epochs 3 --optimizer sgd --lr 1e9", "holds NaN or infinity at epoch 0"),
]


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory):
    """A folder of files to make mistakes with."""
    folder, before = tmp_path_factory.mktemp("files"), Path.cwd()
    os.chdir(folder)
    try:
        write_table()
        write_npz("negative.npz", y=lambda x: x[:, 0] - 5)
        write_npz(
            "nan.npz", x=lambda x: np.where(np.arange(4 * len(x)).reshape(x.shape) == 13, np.nan, x)
        )
        write_npz("constant.npz", y=lambda x: np.ones(len(x), int))
        np.savez("names.npz", a=np.ones(3))
        np.savez("objects.npz", x=np.array([{}, {}]), y=np.arange(2))
        np.save("x.npy", np.ones((5, 3)))
        Path("broken.npz").write_bytes(b"PK this is none")
        Path("broken.npy").write_bytes(b"nor is this")
        np.save("large.npy", np.zeros(4))
        declared = (
            Path("large.npy").read_bytes().replace(b"(4,), }" + b" " * 12, b"(4000000000000,), }")
        )
        Path("large.npy").write_bytes(declared)
        Path("readme").write_text("text")
        Path("empty.csv").write_text("")
        Path("head.csv").write_text("a,b\n")
        Path("ragged.csv").write_text("a,b,c\n1,2,3\n4,5\n")
        Path("binary.csv").write_bytes(bytes(range(256)))
        Path("folder").mkdir()
        assert main(["train", "digits", "--epochs", "1", "--out", "m", "--quiet"]) == 0
        assert (
            main(["train", "negative.npz", "--epochs", "1", "--out", "quantities", "--quiet"]) == 0
        )
    finally:
        os.chdir(before)
    return folder


@pytest.mark.parametrize(("words", "message"), USAGE, ids=[words for words, _ in USAGE])
def test_wrong_usage_is_one_line_and_code_2(capsys, monkeypatch, mistaken, words, message):
    if "--plot" in words:
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(mistaken)
    code, out, err = run(capsys, *words.split())
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and err.startswith("gdcore")
    assert message in err


@pytest.mark.parametrize(("words", "message"), FAILURES, ids=[words for words, _ in FAILURES])
def test_a_failure_is_one_line_and_code_1(capsys, monkeypatch, mistaken, words, message):
    monkeypatch.chdir(mistaken)
    code, _, err = run(capsys, *words.split())
    assert code == 1
    assert err.count("\n") == 1 and err.startswith("gdcore")
    assert message in err


def test_a_failed_training_leaves_an_old_file_alone(capsys):
    Path("m").write_text("old")
    assert (
        run(
            capsys,
            "train",
            "digits",
            "--epochs",
            2,
            "--optimizer",
            "sgd",
            "--lr",
            "1e9",
            "--out",
            "m",
        )[0]
        == 1
    )
    assert Path("m").read_text() == "old"
