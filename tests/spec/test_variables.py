"""The table of variables: recognised under the names that files use, unambiguous within a group."""

from __future__ import annotations

from collections import Counter

import pytest

from aurora_dash.errors import SpecError
from aurora_dash.figures.colours import colour_map
from aurora_dash.variables import CATALOGUE, Group, describe, find, recognise, split_key


def test_every_variable_has_one_entry_in_its_group() -> None:
    identities = Counter((variable.group, variable.name) for variable in CATALOGUE)
    assert [identity for identity, count in identities.items() if count > 1] == []


def test_no_alias_means_two_variables_of_one_kind() -> None:
    names = Counter(
        (variable.group is Group.ATMOSPHERIC, alias)
        for variable in CATALOGUE
        for alias in {variable.name, *variable.aliases}
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("variable", CATALOGUE, ids=lambda v: v.key)
def test_every_colour_map_is_known(variable) -> None:
    assert colour_map(variable.cmap).N >= 256


@pytest.mark.parametrize("variable", CATALOGUE, ids=lambda v: v.key)
def test_a_dataset_key_gives_the_variable_back(variable) -> None:
    group, name = split_key(variable.key)
    assert find(name, group) is variable


@pytest.mark.parametrize(
    ("file_name", "has_levels", "expected"),
    [
        ("t2m", False, "surf_2t"),
        ("2m_temperature", False, "surf_2t"),
        ("u10", False, "surf_10u"),
        ("z", False, "static_z"),
        ("z", True, "atmos_z"),
        ("geopotential_at_surface", False, "static_z"),
        ("temperature", True, "atmos_t"),
        ("slt", False, "static_slt"),
    ],
)
def test_names_of_the_cds_and_weatherbench_are_recognised(
    file_name: str, has_levels: bool, expected: str
) -> None:
    variable = recognise(file_name, has_levels=has_levels)
    assert variable is not None
    assert variable.key == expected


def test_temperature_without_levels_is_not_taken_for_the_atmospheric_one() -> None:
    assert recognise("t", has_levels=False) is None


def test_an_unknown_variable_is_described_as_such() -> None:
    variable = describe("my_field", Group.SURFACE)
    assert (variable.unit, variable.label()) == ("?", "my_field [?]")


def test_a_key_without_a_group_is_refused() -> None:
    with pytest.raises(SpecError, match="'2t' is not a variable"):
        split_key("2t")
