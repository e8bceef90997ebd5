"""What a data store's refusals mean, and what to do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aurora_dash.data.fetch.account import Account
from aurora_dash.errors import DataError

if TYPE_CHECKING:
    from requests import Response

RETRIABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
_REASON_CHARACTERS = 400


def refusal(response: Response, account: Account, what: str) -> DataError:
    """The error that a refused request is; the key never stands in it."""
    said = reason_of(_json(response), account) or f"HTTP {response.status_code}"
    if response.status_code == 401:
        return DataError(
            f"{account.host} does not accept the key ({said}).",
            remedy=f"Copy the personal access token from {account.site}/profile into ~/.cdsapirc "
            "(line 'key: ...'); an old one may have been replaced.",
        )
    if "licen" in said.lower():
        return DataError(
            f"{account.host} wants the licence of the data to be accepted first: {said}",
            remedy="Log in there, open the data set's Download tab, accept the terms of use at "
            "its end, and start the same fetch again.",
        )
    if response.status_code == 403:
        remedy = "Check at the store that your account may use this data set."
        if _is_about_size(said):
            remedy = "Choose fewer variables or levels, a smaller region or a shorter period."
        return DataError(f"{account.host} refused {what}: {said}", remedy=remedy)
    return DataError(
        f"{account.host} refused {what}: {said}",
        remedy="Check period, variables and levels against the data set's form at the store."
        if response.status_code in (400, 422)
        else "Try again later; nothing that has arrived is lost.",
    )


def reason_of(document: Any, account: Account) -> str:
    """The store's own words in one line, short, without the key."""
    if not isinstance(document, dict):
        return ""
    parts = [_last_line(document.get(name)) for name in ("title", "detail", "traceback")]
    text = ": ".join(dict.fromkeys(part for part in parts if part))
    return account.without_key(text)[:_REASON_CHARACTERS]


def _last_line(value: object) -> str:
    """Of a traceback the line that says what happened."""
    lines = [line.strip() for line in str(value or "").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _is_about_size(text: str) -> bool:
    return any(word in text.lower() for word in ("too large", "cost limit", "exceed"))


def _json(response: Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
