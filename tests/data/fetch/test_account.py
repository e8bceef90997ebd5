"""Whose key, from where, and that nobody sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_dash.data.fetch.account import ADS_URL, CDS_URL, find_account
from aurora_dash.errors import DataError

KEY = "aaaa-bbbb"


def test_the_usual_file_serves_both_stores(tmp_path: Path) -> None:
    (tmp_path / "cdsapirc").write_text(f"url: {CDS_URL}\nkey: {KEY}\n")
    assert find_account("era5").url == CDS_URL
    assert find_account("cams").url == ADS_URL
    assert find_account("cams").key == KEY


def test_another_address_in_the_file_is_a_mirror_of_both(tmp_path: Path) -> None:
    (tmp_path / "cdsapirc").write_text(f"url: http://localhost:1/api/\nkey: {KEY}\n")
    assert find_account("era5").url == find_account("cams").url == "http://localhost:1/api"


@pytest.mark.parametrize("prefix", ["CDSAPI", "ECMWF_DATASTORES"])
def test_the_environment_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    (tmp_path / "cdsapirc").write_text("url: http://file/api\nkey: of-the-file\n")
    monkeypatch.setenv(f"{prefix}_URL", "http://environment/api")
    assert find_account("era5").key == "of-the-file"
    assert find_account("era5").url == "http://environment/api"
    monkeypatch.setenv(f"{prefix}_KEY", KEY)
    account = find_account("era5")
    assert (account.url, account.key) == ("http://environment/api", KEY)


def test_a_missing_key_says_where_to_get_one_and_what_to_write() -> None:
    with pytest.raises(DataError) as caught:
        find_account("cams")
    assert "no key" in caught.value.message
    assert "https://ads.atmosphere.copernicus.eu/profile" in caught.value.remedy
    assert "~/.cdsapirc" in caught.value.remedy


def test_a_key_of_the_old_form_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "cdsapirc").write_text("url: x\nkey: 1234:secret-part\n")
    with pytest.raises(DataError, match="old form") as caught:
        find_account("era5")
    assert "secret-part" not in str(caught.value)


def test_an_account_never_shows_its_key() -> None:
    from aurora_dash.data.fetch.account import Account

    account = Account(url=CDS_URL, key=KEY)
    assert KEY not in repr(account)
    assert account.without_key(f"token {KEY} is wrong") == "token *** is wrong"
