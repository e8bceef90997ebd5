from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aurora_dash.data.roots import configured_roots, expand_paths, resolve_inside_roots
from aurora_dash.errors import PathError

NETCDF = b"CDF\x01" + bytes(60)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    for name in ("b.nc", "a.nc", "notes.txt", "deep/c.nc", "deep/content-is-grib"):
        (root / name).write_bytes(b"some text" if name.endswith("txt") else NETCDF)
    (root / ".hidden.nc").write_bytes(NETCDF)
    (tmp_path / "secret.nc").write_bytes(NETCDF)
    return root


def test_roots_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    monkeypatch.setenv("AURORA_DASH_ROOTS", f"{tmp_path / 'one'}{os.pathsep}{tmp_path / 'one'}")
    assert configured_roots() == ((tmp_path / "one").resolve(),)


def test_without_it_the_roots_are_home_and_the_folders_around(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "work" / "project").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work" / "project")
    assert configured_roots() == (
        (tmp_path / "home").resolve(),
        (tmp_path / "work" / "project").resolve(),
        (tmp_path / "work").resolve(),
    )


@pytest.mark.parametrize("empty", ["", " ", os.pathsep])
def test_an_empty_setting_counts_as_none(monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    monkeypatch.setenv("AURORA_DASH_ROOTS", empty)
    assert Path.cwd().resolve() in configured_roots()


def test_a_path_inside_is_resolved(tree: Path) -> None:
    assert resolve_inside_roots(f"{tree}/deep/../a.nc", [tree]) == (tree / "a.nc").resolve()
    assert resolve_inside_roots(str(tree), [tree]) == tree.resolve()


@pytest.mark.parametrize("escape", ["{root}/../secret.nc", "/etc/passwd", "{root}-other/x", "/"])
def test_a_path_outside_is_refused_with_the_roots_named(tree: Path, escape: str) -> None:
    with pytest.raises(PathError) as error:
        resolve_inside_roots(escape.format(root=tree), [tree])
    assert str(tree) in error.value.message
    assert "AURORA_DASH_ROOTS" in error.value.remedy


def test_a_symbolic_link_does_not_lead_outside(tree: Path, tmp_path: Path) -> None:
    (tree / "link.nc").symlink_to(tmp_path / "secret.nc")
    (tree / "linked").symlink_to(tmp_path)
    for text in ("link.nc", "linked/secret.nc", "linked/*.nc"):
        with pytest.raises(PathError, match="outside"):
            expand_paths([text], base=tree, roots=[tree])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(parts=st.lists(st.sampled_from(["..", ".", "deep", "a.nc", "", "x y", "*"]), max_size=8))
def test_no_way_of_writing_a_path_escapes(tree: Path, parts: list[str]) -> None:
    text = str(tree) + "/" + "/".join(parts)
    try:
        resolved = resolve_inside_roots(text, [tree])
    except PathError:
        return
    assert resolved.is_relative_to(tree.resolve())


def test_paths_outside_are_refused_alike_whether_they_exist_or_not(
    tree: Path, tmp_path: Path
) -> None:
    for name in ("secret.nc", "nothing-here.nc", "*.nc"):
        with pytest.raises(PathError, match="outside the folders"):
            expand_paths([str(tmp_path / name)], roots=[tree])


@pytest.mark.parametrize("text", ["", "   ", "a\0b"])
def test_a_text_that_is_no_path_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(PathError):
        resolve_inside_roots(text, [tmp_path])


def test_a_folder_means_its_data_files_by_content_or_name(tree: Path) -> None:
    assert expand_paths([tree]) == [tree / "a.nc", tree / "b.nc"]
    assert expand_paths([tree / "deep"]) == [tree / "deep/c.nc", tree / "deep/content-is-grib"]


def test_globs_files_and_folders_mix_and_repeat_without_doubling(tree: Path) -> None:
    found = expand_paths([tree / "b.nc", f"{tree}/*.nc", str(tree), "**/c.nc"], base=tree)
    assert found == [tree / "b.nc", tree / "a.nc", tree / "deep/c.nc"]


def test_relative_paths_start_at_the_base(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert expand_paths(["a.nc"], base=tree) == [tree / "a.nc"]
    monkeypatch.chdir(tree)
    assert expand_paths(["deep/*.nc"]) == [tree / "deep/c.nc"]


def test_the_home_folder_may_be_abbreviated(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tree))
    assert expand_paths(["~/a.nc"]) == [tree / "a.nc"]


def test_a_file_whose_name_looks_like_a_pattern_is_found(tree: Path) -> None:
    (tree / "a[1].nc").write_bytes(NETCDF)
    assert expand_paths([f"{tree}/a[1].nc"]) == [tree / "a[1].nc"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("empty", ["empty", "holds no NetCDF or GRIB file", "it is empty"]),
        ("missing.nc", ["There is no file", "missing.nc"]),
        ("*.grib", ["*.grib", "matches no file"]),
        ("dee*", ["matches no file", "only folders"]),
    ],
)
def test_what_is_not_there_is_named(tree: Path, pattern: str, words: list[str]) -> None:
    with pytest.raises(PathError) as error:
        expand_paths([pattern], base=tree)
    assert all(word in error.value.message for word in words)
    assert error.value.remedy


def test_a_folder_without_data_says_what_is_in_it(tree: Path) -> None:
    (tree / "empty" / "readme.md").write_text("words")
    with pytest.raises(PathError, match=r"readme\.md"):
        expand_paths([tree / "empty"])


def test_a_zarr_store_is_one_place_whatever_is_in_it(tree: Path) -> None:
    (tree / "empty" / "zarr.json").write_text("{}")
    (tree / "empty" / "part.nc").write_bytes(NETCDF)
    assert expand_paths([tree / "empty"]) == [tree / "empty"]
    assert expand_paths([tree], roots=[tree]) == [tree / "a.nc", tree / "b.nc", tree / "empty"]


def test_no_path_at_all_is_refused() -> None:
    with pytest.raises(PathError, match="No data path"):
        expand_paths([])
