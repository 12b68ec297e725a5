"""What the commands take, and what `--help` tells of it."""

from __future__ import annotations

import argparse
from typing import Any

import gdcore
from gdcore import metrics, schedules
from gdcore.activations import ACTIVATIONS
from gdcore.cli.answers import add_answers
from gdcore.cli.examples import EXAMPLES, SOURCE
from gdcore.cli.usage import Parser, fraction, listed, name_in, positive_number, whole, widths
from gdcore.compute import COMPUTE
from gdcore.optimizers import OPTIMIZERS
from gdcore.tabular.heads import CLASS_LOSSES, VALUE_LOSSES
from gdcore.tabular.kinds import KINDS
from gdcore.tabular.presets import MODELS
from gdcore.tabular.rows import MISSING_WAYS
from gdcore.tabular.splits import SPLITS
from gdcore.tabular.target import ORDINAL, TASKS


def make_parser() -> Parser:
    """The parser of the program, with one for each command."""
    parser = Parser(
        prog="gdcore", description="Train neural networks on a CPU.", epilog=EXAMPLES[""]
    )
    parser.add_argument("--version", action="version", version=f"gdcore {gdcore.__version__}")
    parser.set_defaults(command="", run=lambda args: _help(parser))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)

    def command(name: str, what: str, run: Any) -> Parser:
        made: Parser = commands.add_parser(
            name, help=what, description=what[0].upper() + what[1:] + ".", epilog=EXAMPLES[name]
        )
        made.set_defaults(command=name, run=run)
        return made

    _train(command("train", "train a network on a data set", _run_train))
    predict = command("predict", "predict with a trained model", _run_predict)
    predict.add_argument("model", metavar="MODEL", help="a file that train --out wrote")
    predict.add_argument("data", metavar="DATA", help=SOURCE + ", or an .npy file")
    predict.add_argument(
        "--out",
        metavar="FILE",
        help="a .csv, .npy or .parquet file to write; otherwise they are printed",
    )
    predict.add_argument(
        "--keep",
        metavar="A,B",
        type=listed("column", str),
        default=[],
        help="columns of DATA to carry along, before the predictions",
    )
    predict.add_argument("--proba", action="store_true", help="probabilities of the classes")
    evaluate = command(
        "evaluate", "measure a trained model on data with known answers", _run_evaluate
    )
    evaluate.add_argument("model", metavar="MODEL", help="a file that train --out wrote")
    evaluate.add_argument("data", metavar="DATA", help=SOURCE)
    evaluate.add_argument(
        "--report",
        metavar="FILE",
        help="of a table: the report as .json, or as one .html page with its pictures",
    )
    for made in (predict, evaluate):
        _layout(made)
        made.add_argument("--threads", metavar="N", type=whole(1, 1024), help="at most so many")
    info = command(
        "info",
        "show version, instruction sets, threads and build, or what a model's file holds",
        _run_info,
    )
    info.add_argument("model", metavar="MODEL", nargs="?", help="a model's file to describe")
    return parser


def _layout(parser: Any) -> None:
    """How the text of a table is laid out."""
    parser.add_argument(
        "--delimiter",
        metavar="CHAR",
        help="between the cells of a .csv (default: seen from its first line)",
    )
    parser.add_argument(
        "--encoding", metavar="NAME", help="of a .csv (default: utf-8, or what its mark says)"
    )


def _tasks(text: str) -> str:
    """One task, or one for each of several targets."""
    known = name_in("task", (*TASKS, ORDINAL))
    return ",".join(known(part.strip()) for part in text.split(","))


def _train(parser: Parser) -> None:
    parser.add_argument("source", metavar="SOURCE", help=SOURCE)
    data = parser.add_argument_group("data")
    data.add_argument(
        "--target",
        metavar="COLUMN",
        help="column of a table to predict: its name, or its place from 0; several with commas "
        "between",
    )
    data.add_argument(
        "--task",
        type=_tasks,
        metavar="TASK",
        help="classification, regression, or (of a table) ordinal, for classes in an order; of several "
        "targets one for each, with commas between (default: seen from the target and the loss)",
    )
    data.add_argument(
        "--order",
        metavar="A,B,C",
        type=listed("class", str),
        help="with --task ordinal: the classes from the lowest, where they are no numbers",
    )
    data.add_argument(
        "--kind",
        metavar="COLUMN=KIND",
        action="append",
        default=[],
        help=f"what a column of a table is, if inferred wrong: {', '.join(KINDS)}, number:quantile, "
        "date:%%d/%%m/%%Y; may be repeated",
    )
    data.add_argument(
        "--ignore",
        metavar="A,B",
        type=listed("column", str),
        default=[],
        help="columns of a table to leave out",
    )
    data.add_argument(
        "--numbers",
        type=name_in("way to scale numbers", KINDS["number"]),
        metavar="WAY",
        help="of a table: standardize (default of mlp), robust (by median and quartiles: default of "
        "auto, mlp-ple, realmlp), quantile (to a normal distribution: default of tabm) or raw",
    )
    data.add_argument(
        "--missing",
        type=name_in("way with missing values", MISSING_WAYS),
        default="impute",
        metavar="WAY",
        help="missing values of a table: impute (fill in and flag, the default), drop (the row) or "
        "error",
    )
    data.add_argument(
        "--test", metavar="FILE", help="a table to measure on, instead of a share of SOURCE"
    )
    _layout(data)
    data.add_argument(
        "--decimal",
        metavar="MARK",
        help="of numbers in a table: . or , (default: seen from each column)",
    )
    data.add_argument(
        "--thousands",
        metavar="MARK",
        help="between groups of three digits: , . ' or a blank (default: seen from each column)",
    )
    data.add_argument(
        "--na",
        metavar="A,B",
        help="what stands for a missing value in a table, besides NA, n/a, NaN, null and the like",
    )
    data.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line of a .csv names the columns; otherwise they are called 0, "
        "1, ...",
    )
    data.add_argument(
        "--validation",
        metavar="FRACTION",
        type=fraction,
        help="share of the training rows to hold out (default: 0.2, or 0 where the source has a "
        "test part)",
    )
    data.add_argument(
        "--split",
        type=name_in("split", SPLITS),
        metavar="WAY",
        help="which rows of a table to hold out: random (default), or last, where rows lie in order "
        "of time",
    )
    data.add_argument(
        "--weights",
        metavar="COLUMN",
        help="of a table: a column of what each row counts, in the training and in the report",
    )
    data.add_argument(
        "--class-weight",
        metavar="A=W,B=W",
        help="of a table: what a row of each class counts in training, or balanced",
    )
    data.add_argument("--no-standardize", action="store_true", help="take the numbers as they are")
    net = parser.add_argument_group("network")
    net.add_argument(
        "--model",
        type=name_in("model", MODELS),
        metavar="NAME",
        help="of a table: auto (default: several of mlp, from 2,000 rows also of mlp-ple and realmlp, of "
        "which the best predicts), mlp, mlp-ple (numbers by intervals), realmlp (a pre-tuned network that "
        "trains longer) or tabm (many members that share their weights)",
    )
    net.add_argument("--members", metavar="N", type=whole(1), help="of --model tabm (default: 32)")
    net.add_argument(
        "--hidden",
        metavar="N,N",
        type=widths,
        help="sizes of the hidden layers, or none (default: 128,64; 256,256,256 of realmlp, 512,512 of "
        "tabm)",
    )
    net.add_argument(
        "--activation",
        type=name_in("activation", ACTIVATIONS),
        metavar="NAME",
        help="of the hidden layers (default: relu; selu or mish of realmlp)",
    )
    net.add_argument(
        "--dropout",
        metavar="RATE",
        type=fraction,
        help="after each hidden layer (default: 0.1 for tables, 0.15 of realmlp, otherwise 0)",
    )
    rounded = "float32 (default), or bfloat16, to which products round their factors"
    for name, known, told in (
        ("dtype", ("float32", "float64"), "float32 (default) or float64"),
        ("compute", COMPUTE, rounded),
    ):
        choice = name_in(name, known)
        net.add_argument(f"--{name}", type=choice, default="float32", metavar="TYPE", help=told)
    loop = parser.add_argument_group("training")
    loop.add_argument(
        "--loss",
        type=name_in("loss", CLASS_LOSSES + VALUE_LOSSES),
        metavar="NAME",
        help=f"{', '.join(CLASS_LOSSES + VALUE_LOSSES)} (default: cross_entropy for classes, "
        "mse for numbers)",
    )
    loop.add_argument(
        "--metric", metavar="A,B", type=listed("metric", _metric), help="default: accuracy, or r2"
    )
    add_answers(loop)
    loop.add_argument(
        "--optimizer",
        type=name_in("optimizer", OPTIMIZERS),
        metavar="NAME",
        help=f"{', '.join(OPTIMIZERS)} (default: adam; adamw of tabm)",
    )
    loop.add_argument(
        "--lr",
        metavar="RATE",
        type=positive_number,
        help="highest learning rate (default: the model's or the optimizer's own)",
    )
    loop.add_argument(
        "--schedule",
        type=_schedule,
        metavar="NAME",
        help="of the learning rate: constant, step, exponential, polynomial, cosine (default; constant of tabm), "
        "flat_cosine, coslog4 (four humps, default of realmlp), one_cycle, warmup_cosine",
    )
    loop.add_argument(
        "--epochs", metavar="N", type=whole(1), help="default: 10 to 400, by the number of rows"
    )
    loop.add_argument(
        "--patience",
        metavar="N",
        type=whole(0),
        help="of a table: stop after so many epochs without a better loss on a part of the training "
        "rows (default: 20, 16 of tabm, never of realmlp, whose best epoch is kept; 0: never)",
    )
    loop.add_argument(
        "--folds",
        metavar="N",
        type=whole(2),
        help="of a table: train so many networks, each on all training rows but a fold that stops it "
        "early, and average them; prints the score of the rows that each was not trained on",
    )
    loop.add_argument(
        "--budget",
        metavar="SECONDS",
        type=positive_number,
        help="of a table: average as many networks on folds (default: 5) as there is time for, half of "
        "it for the model that is measured, half for the one that is kept",
    )
    loop.add_argument(
        "--no-refit",
        action="store_true",
        default=None,
        help="keep the model that was measured, in the place of one trained anew on all rows of a "
        "table",
    )
    loop.add_argument(
        "--batch-size", metavar="N", type=whole(1), help="default: 32, or 128 from 20,000 rows on"
    )
    loop.add_argument(
        "--seed",
        metavar="N",
        type=whole(0, 2**64 - 1),
        default=0,
        help="of all that is random (default: 0); the same seed gives the same model",
    )
    loop.add_argument(
        "--threads",
        metavar="N",
        type=whole(1, 1024),
        help="at most so many (default: OMP_NUM_THREADS, or the cores)",
    )
    out = parser.add_argument_group("output")
    out.add_argument("--out", metavar="MODEL", help="file to save the model in")
    out.add_argument(
        "--plot",
        metavar="FILE",
        help="picture of the training curves (.png, .pdf, .svg), for a table also of its errors and of "
        "what mattered",
    )
    out.add_argument(
        "--report",
        metavar="FILE",
        help="of a table: the report as .json, or as one .html page with its pictures",
    )
    out.add_argument(
        "--verbose",
        type=name_in("way to tell", ("all", "report")),
        default="all",
        metavar="WHAT",
        help="all (default), or report: the scores alone",
    )
    out.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _metric(text: str) -> str:
    try:
        metrics.get(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _schedule(text: str) -> str:
    try:
        schedules.from_name(text, 0.1, 100)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _help(parser: Parser) -> int:
    parser.print_help()
    return 0


# A command's own module is imported when it runs.


def _run_train(args: argparse.Namespace) -> int:
    from gdcore.cli.train import run

    return run(args)


def _run_predict(args: argparse.Namespace) -> int:
    from gdcore.cli.ask import predict

    return predict(args)


def _run_evaluate(args: argparse.Namespace) -> int:
    from gdcore.cli.ask import evaluate

    return evaluate(args)


def _run_info(args: argparse.Namespace) -> int:
    from gdcore.cli.info import run

    return run(args)
