"""``aurora-dash export``: a checkpoint as a file that plain aurora loads."""

from __future__ import annotations

import argparse
from pathlib import Path

from aurora_dash.cli.evaluate import add_weights_option
from aurora_dash.cli.options import Commands, add_runs_option, store_of
from aurora_dash.cli.output import Answer
from aurora_dash.errors import CheckpointError

_MORE = """\
RUN is a run's id, run@last or run@step-00000120. Writes the weights, LoRA merged, as one file for
the method load_checkpoint_local of microsoft-aurora. A model card (.md) and a description (.json)
lie beside it, with the Python that loads it, variables, statistics, the spec and, if the
checkpoint was evaluated, its scores. With --push all three go to a repository of the Hugging Face
hub, made if it is not there and private unless --public says otherwise; local folders are left out
of what is sent. HF_TOKEN, or `hf auth login`, says who you are.
"""


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "export", export, help="write a checkpoint as plain aurora loads it", more=_MORE
    )
    parser.add_argument("run", metavar="RUN", help="run id")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE.ckpt",
        help="where to (default: the folder export/ of the run)",
    )
    parser.add_argument("--replace", action="store_true", help="take the place of an older FILE")
    add_weights_option(parser)
    parser.add_argument(
        "--checkpoint", metavar="NAME", help="best, last or step-... (default: best)"
    )
    parser.add_argument(
        "--push", metavar="USER/NAME", help="send the files to this repository of the hub too"
    )
    parser.add_argument(
        "--public", action="store_true", help="with --push: let everybody see a new repository"
    )
    add_runs_option(parser)


def export(options: argparse.Namespace) -> Answer:
    """Write the three files, send them to the hub if that is asked for, and say where they are."""
    if options.public and not options.push:
        raise CheckpointError("--public belongs to --push.", remedy="Give --push USER/NAME too.")
    if options.out is not None and options.out.exists() and not options.replace:
        raise CheckpointError(
            f"{options.out} is there already.", remedy="Give another name, or add --replace."
        )
    from aurora_dash.evaluation.export import default_path, export_run
    from aurora_dash.evaluation.sources import CheckpointRef

    ref = CheckpointRef.parse(options.run, store_of(options))
    if ref.run is None:
        raise CheckpointError(
            f"{options.run} is no run but a checkpoint file, which is as plain as an export.",
            remedy="Give a run's id (`aurora-dash runs list`).",
        )
    checkpoint = options.checkpoint or ref.checkpoint
    path = options.out or default_path(ref.run, checkpoint)
    exported = export_run(ref.run, path, checkpoint, weights=options.weights)
    document = {
        "run_id": ref.run.id,
        "checkpoint": str(exported.checkpoint),
        "card": str(exported.card),
        "description": str(exported.description),
        "sha256": exported.sha256,
        "num_parameters": exported.num_parameters,
        "snippet": exported.document["snippet"],
    }
    text = f"{exported.checkpoint}\n{exported.card}\n{exported.description}"
    if options.push:
        from aurora_dash.evaluation.push import push_export

        pushed = push_export(exported.checkpoint, options.push, private=not options.public)
        document |= {"pushed": {"repository": pushed.repository, "commit": pushed.commit}}
        text += f"\n{pushed.url}"
    return Answer(document=document, text=text)
