"""Ways in which files get damaged, each decided by a seed alone."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import xarray as xr

_SURPRISING = (0, 1, 0x7F, 0x80, 0xFF)
_HEADER = 3000


def damage(source: Path, target: Path, seed: int) -> str:
    """A damaged copy of `source` at `target`; says how it was damaged."""
    choose = random.Random(seed)
    if source.is_dir():
        shutil.copytree(source, target)
        ways: tuple[Callable[[Path, random.Random], None], ...] = (
            _damage_chunk, _change_metadata, _change_metadata, _change_metadata, _flip_metadata,
            _lose_a_file, _claim_huge,
        )  # fmt: skip
    else:
        shutil.copyfile(source, target)
        ways = (_truncate, _flip_anywhere, _flip_in_header, _flip_in_header, _overwrite_number,
                _overwrite_number, _blank, _repeat, _swap)  # fmt: skip
        if source.suffix == ".nc":
            ways += (_rename, _drop, _other_type, _other_units, _huge_dims)
    way = choose.choice(ways)
    way(target, choose)
    return way.__name__.strip("_")


def _truncate(path: Path, choose: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * choose.random())])


def _flip(path: Path, choose: random.Random, end: int) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(choose.randint(1, 12)):
        content[choose.randrange(min(end, len(content)))] ^= 1 << choose.randrange(8)
    path.write_bytes(content)


def _flip_anywhere(path: Path, choose: random.Random) -> None:
    _flip(path, choose, 2**40)


def _flip_in_header(path: Path, choose: random.Random) -> None:
    _flip(path, choose, _HEADER)


def _overwrite_number(path: Path, choose: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(choose.randint(1, 3)):
        at = choose.randrange(4, min(_HEADER, len(content) - 8))
        content[at : at + choose.choice((1, 2, 4, 8))] = bytes([choose.choice(_SURPRISING)]) * 4
    path.write_bytes(content)


def _blank(path: Path, choose: random.Random) -> None:
    content = bytearray(path.read_bytes())
    at = choose.randrange(len(content))
    size = min(choose.randint(1, 4000), len(content) - at)
    content[at : at + size] = bytes(size)
    path.write_bytes(content)


def _repeat(path: Path, choose: random.Random) -> None:
    content = path.read_bytes()
    at = choose.randrange(len(content))
    path.write_bytes(content[:at] + content[at : at + choose.randint(1, 5000)] + content[at:])


def _swap(path: Path, choose: random.Random) -> None:
    content = path.read_bytes()
    one, two = sorted(choose.sample(range(len(content)), 2))
    path.write_bytes(content[one:two] + content[:one] + content[two:])


def _rewrite(path: Path, change: Callable[[xr.Dataset], xr.Dataset]) -> None:
    with xr.open_dataset(path, engine="netcdf4", decode_times=False) as dataset:
        changed = change(dataset.load())
    for variable in changed.variables.values():
        variable.encoding = {}
    is_classic = path.read_bytes()[:3] == b"CDF"
    path.unlink()
    changed.to_netcdf(path, engine="netcdf4", format="NETCDF3_64BIT" if is_classic else "NETCDF4")


def _rename(path: Path, choose: random.Random) -> None:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        name = choose.choice(sorted(map(str, dataset.variables)))
        others = ("lat", "time", "number", "x", "level", "z", "step", "grüße")
        return dataset.rename({name: choose.choice([o for o in others if o not in dataset])})

    _rewrite(path, change)


def _drop(path: Path, choose: random.Random) -> None:
    _rewrite(path, lambda d: d.drop_vars(choose.choice(sorted(map(str, d.variables)))))


def _other_type(path: Path, choose: random.Random) -> None:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        name = choose.choice(sorted(map(str, dataset.variables)))
        kind = choose.choice(["int8", "S5", "float64", "int32"])
        old = dataset[name]
        values = np.nan_to_num(old.values.astype("f8")).astype(kind)
        return dataset.assign({name: (old.dims, values, old.attrs)})

    _rewrite(path, change)


def _other_units(path: Path, choose: random.Random) -> None:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        name = choose.choice(sorted(map(str, dataset.variables)))
        value = choose.choice(["", "days since never", "hours since 99999-99-99", 7, "K", "\x07"])
        attribute = choose.choice(
            ["units", "calendar", "scale_factor", "_FillValue", "coordinates"]
        )
        dataset[name].attrs[attribute] = value
        return dataset

    try:
        _rewrite(path, change)
    except (ValueError, TypeError):
        # xarray refuses to write it: put it there without asking.
        path.write_bytes(b"CDF\x01" + bytes(choose.randrange(256) for _ in range(64)))


def _huge_dims(path: Path, choose: random.Random) -> None:
    path.unlink()
    sizes = [choose.choice((4, 2**20, 2**31, 2**45)) for _ in range(3)]
    with h5py.File(path, "w") as file:
        names = ("time", "latitude", "longitude")
        for name, size in zip(names, sizes, strict=True):
            file.create_dataset(name, shape=(size,), dtype="f8", chunks=(min(size, 1024),))
            file[name].make_scale(name)
        file["time"].attrs["units"] = "hours since 2000-01-01"
        field = file.create_dataset("t2m", shape=sizes, dtype="f4", chunks=(1, 4, 4))
        for axis, name in enumerate(names):
            field.dims[axis].attach_scale(file[name])


def _metadata(path: Path, choose: random.Random) -> Path:
    names = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
    return choose.choice(sorted(p for p in path.rglob("*") if p.name in names))


def _damage_chunk(path: Path, choose: random.Random) -> None:
    chunks = sorted(
        p for p in path.rglob("*") if p.is_file() and not p.name.startswith((".z", "zarr"))
    )
    choose.choice((_truncate, _flip_anywhere, _repeat))(choose.choice(chunks), choose)


def _flip_metadata(path: Path, choose: random.Random) -> None:
    choose.choice((_truncate, _flip_anywhere))(_metadata(path, choose), choose)


def _lose_a_file(path: Path, choose: random.Random) -> None:
    choose.choice(sorted(p for p in path.rglob("*") if p.is_file())).unlink()


def _change_metadata(path: Path, choose: random.Random) -> None:
    place = _metadata(path, choose)
    document = json.loads(place.read_text())
    at = document
    while True:
        key = choose.choice(sorted(at)) if isinstance(at, dict) else choose.randrange(len(at))
        inner = at[key]
        if not isinstance(inner, (dict, list)) or not inner or choose.random() < 0.3:
            break
        at = inner
    odd = (None, -1, 0, 2**40, 1e300, "", "float16", "nonsense", [], {}, [3], True)
    at[key] = choose.choice(odd)
    place.write_text(json.dumps(document))


def _claim_huge(path: Path, choose: random.Random) -> None:
    (path / ".zmetadata").unlink(missing_ok=True)
    places = [p for p in path.rglob("*") if p.name in (".zarray", "zarr.json") and p.parent != path]
    place = choose.choice(sorted(places))
    document = json.loads(place.read_text())
    document["shape"] = [choose.choice((2**20, 2**31, 2**50)) for _ in document["shape"]]
    if choose.random() < 0.5 and "chunks" in document:
        document["chunks"] = document["shape"]
    place.write_text(json.dumps(document))
    root = path / "zarr.json"
    if root.exists():
        whole = json.loads(root.read_text())
        whole.pop("consolidated_metadata", None)
        root.write_text(json.dumps(whole))
