"""An export on the Hugging Face hub: sent when somebody asks for it, never by itself."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from aurora_dash.data.hub import is_reachable
from aurora_dash.errors import CheckpointError
from aurora_dash.variants import VARIANTS

_LOGIN = (
    "Make a token with write access in the hub's settings, then run `hf auth login` on this "
    "machine or set HF_TOKEN."
)


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """Where an export lies on the hub."""

    repository: str
    url: str
    commit: str
    """Address of the commit that added the files."""
    files: tuple[str, ...]


def push_export(checkpoint: Path, repository: str, *, private: bool = True) -> Pushed:
    """Send an exported checkpoint, its card and its description to a model repository of the hub.

    `checkpoint` is what `export_run` wrote; `repository` is ``user/name``, made if it is not
    there, `private` unless told otherwise (of one that exists that stays as it is). The card
    becomes the repository's README; in the description local paths are reduced to file names.
    ``HF_ENDPOINT`` and the token (``HF_TOKEN`` or a login) are those of the hub's client.
    Raises `CheckpointError`.
    """
    card, description = checkpoint.with_suffix(".md"), checkpoint.with_suffix(".json")
    for path in (checkpoint, card, description):
        if not path.is_file():
            raise CheckpointError(
                f"{path} is missing: a push sends a checkpoint with its card and description.",
                remedy="Export the checkpoint first.",
            )
    _check_repository(repository)
    _check_access()
    files: dict[str, Path | bytes] = {
        checkpoint.name: checkpoint,
        description.name: shareable(json.loads(description.read_text(encoding="utf-8"))),
        "README.md": card.read_bytes(),
    }
    return _send(repository, files, private=private, message=f"Add {checkpoint.name}")


def shareable(document: Mapping[str, Any]) -> bytes:
    """A description as it may leave the machine: folders of this machine are left out of it."""
    return (json.dumps(_without_folders(document), indent=2, ensure_ascii=False) + "\n").encode()


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_folders(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_folders(part) for part in value]
    if isinstance(value, str) and "://" not in value and PurePath(value).is_absolute():
        return PurePath(value).name
    return value


def _check_repository(repository: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    problem = "it has no owner" if repository.count("/") != 1 else ""
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        problem = str(error).splitlines()[0]
    if problem:
        raise CheckpointError(
            f"{repository!r} can't be a repository of the hub: {problem}.",
            remedy="Write your name or organisation, a slash and a name: someone/aurora-norway.",
        )
    if repository in {variant.repository for variant in VARIANTS}:
        raise CheckpointError(
            f"{repository} is where Aurora itself is published.",
            remedy="Choose a repository of your own.",
        )


def _check_access() -> None:
    from huggingface_hub import constants, get_token

    if constants.HF_HUB_OFFLINE:
        raise CheckpointError(
            "The hub's client is in offline mode, so nothing can be sent.",
            remedy="Unset HF_HUB_OFFLINE.",
        )
    if not get_token():
        raise CheckpointError("Nobody is logged in to the hub on this machine.", remedy=_LOGIN)
    if not is_reachable(os.environ.get("HF_ENDPOINT")):
        raise CheckpointError(
            "The hub can't be reached.",
            remedy="Connect to the internet, or check HF_ENDPOINT; the export stays on this disk.",
        )


def _send(
    repository: str, files: Mapping[str, Path | bytes], *, private: bool, message: str
) -> Pushed:
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    additions = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
        for name, content in files.items()
    ]
    try:
        url = api.create_repo(repository, private=private, exist_ok=True)
        commit = api.create_commit(repository, additions, commit_message=message)
    except HfHubHTTPError as error:
        raise _refused(repository, error.response.status_code, str(error)) from error
    # The client wraps what breaks while a large file is sent, and answers that make no sense.
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"Sending to {repository} broke off: {_first_line(error)}",
            remedy="Push again: what has arrived is not sent twice. The export stays on this disk.",
        ) from error
    return Pushed(repository=repository, url=str(url), commit=commit.commit_url, files=tuple(files))


def _refused(repository: str, status: int, message: str) -> CheckpointError:
    if status in (401, 403):
        return CheckpointError(
            f"The hub does not let this login write to {repository} (status {status}).",
            remedy=f"Check the name of the repository. {_LOGIN}",
        )
    return CheckpointError(
        f"The hub refused the push to {repository} (status {status}): {_first_line(message)}",
        remedy="Push again later; the export stays on this disk.",
    )


def _first_line(problem: object) -> str:
    return (str(problem).strip().splitlines() or [repr(problem)])[0]
