"""Reading and preparing data."""

from __future__ import annotations

from docs.benchmark_sections.words import Result, megabytes, milli, short, surroundings, table

_WAYS = {
    "netcdf_dataloader": "(a) xarray on NetCDF (zlib) in a `DataLoader`, shuffled, warm",
    "store_shuffled_warm": "training store, every sample by itself, nothing kept, warm",
    "store_blocks_warm": "training store, runs of neighbours, warm",
    "store_blocks_cold": "training store, runs of neighbours, cold",
    "raw_store_files_cold": "(c) the store's files as plain bytes, cold",
    "uncompressed_blocks_warm": "uncompressed store, runs of neighbours, warm",
    "uncompressed_blocks_cold": "uncompressed store, runs of neighbours, cold",
    "raw_uncompressed_files_cold": "(c) the uncompressed store's files as plain bytes, cold",
    "raw_fields_cold": "(c) the fields as plain uncompressed bytes, cold",
    "raw_fields_warm": "the fields as plain uncompressed bytes, warm",
    "in_memory": "(b) batches held in memory",
}
_RATIOS = {
    "times_netcdf_blocks": "times (a), runs of neighbours, warm (goal 30)",
    "times_netcdf_blocks_cold": "times (a), runs of neighbours, cold",
    "times_netcdf_shuffled": "times (a), every sample by itself, warm",
    "of_raw_store_file_bandwidth_cold": "of (c), the store's own bytes, cold (goal 0.8)",
    "of_raw_uncompressed_file_bandwidth_cold": (
        "of (c), the uncompressed store's own bytes, cold (goal 0.8)"
    ),
    "of_raw_field_bandwidth_cold": "of (c), the fields in one plain file a time, cold (goal 0.8)",
    "of_raw_field_bandwidth_warm": "of the same fields as a plain file a time, warm",
    "uncompressed_times_compressed_cold": "uncompressed store, times the compressed one, cold",
    "uncompressed_times_compressed_warm": "uncompressed store, times the compressed one, warm",
}


def loader(result: Result) -> str:
    """Reading speed beside other ways."""
    begin, end = result["load"]
    lines = [
        f"## Loader\n\n`python benchmarks/loader.py`: {surroundings(result)}\n\nThe load of the "
        f"machine, which has {result['threads']} cores, was {begin} at the beginning and {end} at "
        "the end.\n"
    ]
    for name, size in result["sizes"].items():
        lines.append(
            f"### {name}\n\nA sample is {megabytes(size['sample_bytes'])} MB in memory; the store "
            f"takes {100 * size['stored_fraction']:.0f} % of the fields' size. Medians over "
            f"{len(size['seconds_a_sample']['in_memory']['rounds'])} rounds, "
            f"{result['workers']} reading threads.\n"
        )
        rows = [
            (label, short(seconds), f"{1 / seconds:.3g}", _speed(size, way))
            for way, label in _WAYS.items()
            # A result from before a way was measured lacks it.
            if way in size["seconds_a_sample"]
            for seconds in [size["seconds_a_sample"][way]["median"]]
        ]
        lines.append(table(("way", "s a sample", "samples a s", "MB/s"), rows))
        ratios = [
            (label, f"{size['ratios'][key]:.3g}")
            for key, label in _RATIOS.items()
            if key in size["ratios"]
        ]
        lines.append(table(("training store against", "ratio"), ratios))
        waiting = size["waiting"]
        lines.append(
            f"With a training step assumed to take {waiting['assumed_step_seconds']:g} s "
            f"elsewhere (a GPU), begun cold, a step waits "
            f"{milli(waiting['median_wait_seconds'])} ms for its data (median of "
            f"{waiting['steps']}; longest {milli(waiting['longest_wait_seconds'])} ms).\n"
        )
    lines.append(_LOADER_NOTE)
    return "\n".join(lines)


_LOADER_NOTE = """\
An uncompressed store (`data prepare --codec none`) is read as fast as plain bytes of its files. A
compressed one, the default, holds half as many bytes, which are read quicker than two cores can
check and unpack them: it takes a smaller part of its own, smaller raw time, and still gives as many
fields a second as reading them plain where the disk is the limit. At the demo size a field is a few
kilobytes, and opening a file takes longer than reading it. In-memory batches cost nothing to hand
over, and a large data set does not fit.
"""


def prepare(result: Result) -> str:
    """Preparing a large store."""
    rows = [
        ("fields", f"{result['field_bytes'] / 1e9:.1f} GB, {result['times']} times of "
         f"{result['grid'][0]} x {result['grid'][1]} x {result['levels']} levels"),
        ("store", f"{result['stored_bytes'] / 1e9:.1f} GB"),
        ("peak memory", f"{result['peak_memory_bytes'] / 1e9:.2f} GB (goal: below 2)"),
        ("time", f"{result['seconds']:.0f} s, {result['field_megabytes_per_second']:.0f} MB/s, "
         f"{result['seconds_of_them_generating']:.0f} s of them to generate the fields"),
        ("called again", f"{result['nothing_to_do_seconds']:.2f} s to see that nothing is to do"),
        ("all checksums verified", f"{result['verify_seconds']:.1f} s"),
        ("statistics against float64", f"{result['largest_error_of_statistics']:.1e} relative "
         "(goal 1e-6)"),
    ]  # fmt: skip
    head = f"## Preparing 20 GB\n\n`python benchmarks/prepare.py`: {surroundings(result)}\n"
    return "\n".join([head, table(("", ""), rows)])


def _speed(size: Result, way: str) -> str:
    return "–" if way == "in_memory" else f"{size['megabytes_a_second'][way]:,.0f}"
