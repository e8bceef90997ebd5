"""What the files of a run folder hold, field by field; ``docs/run-folder.md`` shows the same."""

from __future__ import annotations

from dataclasses import dataclass

METRICS_VERSION = 1
STATUS_VERSION = 1


@dataclass(frozen=True)
class Field:
    """One documented field of a record."""

    name: str
    unit: str
    meaning: str


USAGE_FIELDS: tuple[Field, ...] = (
    Field(
        "cpu_percent",
        "%",
        "processor time of the process, 100 for each core that is busy; a mean over the seconds "
        "since the record before that has it, like all that follow",
    ),
    Field("machine_cpu_percent", "%", "of all cores of the machine, whoever keeps them busy"),
    Field("rss_bytes", "bytes", "memory of the process on the host"),
    Field("host_free_bytes", "bytes", "memory that the host can still give"),
    Field(
        "gpu_percent",
        "%",
        "share of the time in which the GPU computed, like the next four "
        "as NVML tells it; absent without a GPU",
    ),
    Field("gpu_memory_bytes", "bytes", "memory of the GPU that is taken, by whomever"),
    Field("gpu_memory_total_bytes", "bytes", "memory that the GPU has"),
    Field("gpu_celsius", "°C", "temperature of the GPU"),
    Field("gpu_watts", "W", "power that the GPU draws"),
)
"""What a process takes of its machine, sampled every second."""

METRICS_FIELDS: tuple[Field, ...] = (
    Field("schema", "", f"version of this record's layout, {METRICS_VERSION}"),
    Field("step", "steps", "optimiser steps done when the record was written"),
    Field("split", "", "`train` or `validation`"),
    Field("epoch", "epochs", "passes over the training samples so far, a fraction"),
    Field("time", "s", "seconds since 1970-01-01T00:00Z"),
    Field("loss", "1", "the weighted normalised loss that is minimised"),
    Field(
        "loss/<variable>",
        "1",
        "mean absolute normalised error of one surface variable, unweighted, whatever the loss, "
        "`loss/2t`",
    ),
    Field("loss/<variable>/<level>", "1", "the same of one variable on one level, `loss/z/850`"),
    Field(
        "loss/<variable>_density",
        "1",
        "of the wave model: error of the probability that there is a value, `loss/swh_density`",
    ),
    Field(
        "lead_loss/<hours>",
        "1",
        "the loss of predictions of one lead time, `lead_loss/12`; `loss` is their mean. Where "
        "forecasts of several steps or lead times are trained on",
    ),
    Field("persistence_loss", "1", "loss of repeating the last input; validation records only"),
    Field(
        "part/<name>/loss",
        "1",
        "of one part of a mix, where `loss` is the mean over the parts, weighted as they are "
        "mixed; validation records only",
    ),
    Field("part/<name>/persistence_loss", "1", "the same of repeating the last input"),
    Field(
        "watched_rmse/<variable>",
        "unit of the variable",
        "root mean square error, weighted by area, of the one sample that is watched, "
        "`watched_rmse/2t` or `watched_rmse/t/850`; validation records only",
    ),
    Field("lr", "1", "learning rate of the weights that came with the checkpoint"),
    Field("lr/new_embeddings", "1", "learning rate of new patch embeddings and heads"),
    Field("lr/new_embeddings/<variable>", "1", "of a variable with a learning rate of its own"),
    Field("lr/<group>", "1", "of a group with a learning rate of its own"),
    Field("grad_norm", "1", "L2 norm of all gradients before clipping"),
    Field(
        "grad_norm/<group>",
        "1",
        "by group: new_embeddings, encoder, backbone, decoder, lora",
    ),
    Field(
        "grad_norm/new_embeddings/<variable>",
        "1",
        "of one new variable; every `training.statistics_every` steps, like the other numbers of "
        "new variables, weight norms and update ratios",
    ),
    Field(
        "grad_norm_clipped", "1", "`grad_norm` after clipping; absent where nothing is ever clipped"
    ),
    Field("grad_norm_clipped/<group>", "1", "by group, after clipping"),
    Field("grad_norm_clipped/new_embeddings/<variable>", "1", "of one new variable"),
    Field("weight_norm/<group>", "1", "L2 norm of the trained weights before the step"),
    Field("weight_norm/new_embeddings/<variable>", "1", "of one new variable"),
    Field(
        "update_ratio/<group>",
        "1",
        "norm of the step's change over the norm of the weights, from a sample of them",
    ),
    Field("update_ratio/new_embeddings/<variable>", "1", "of one new variable"),
    Field(
        "missing_fraction",
        "1",
        "share of the target values that were missing and left out; absent where none was",
    ),
    Field("samples", "", "samples that the step learned from, those of all processes"),
    Field("samples_per_second", "1/s", "`samples` over `step_seconds`"),
    Field("step_seconds", "s", "wall time of the step, of all its accumulated batches"),
    Field("data_seconds", "s", "of which waiting for data"),
    Field(
        "save_seconds",
        "s",
        "how long training stood still for checkpoints since the record before; absent where none "
        "was saved",
    ),
    Field(
        "memory_bytes",
        "bytes",
        "on a GPU the most that torch has held there so far, on a CPU the memory of the process",
    ),
    *USAGE_FIELDS,
    Field(
        "process/<rank>/<field>",
        "",
        "the last nine of another process of a distributed run and of its GPU, one record later: "
        "`process/1/gpu_percent`",
    ),
    Field("nonfinite", "", "names of the values that were NaN or infinite, written as null"),
)

STATUS_FIELDS: tuple[Field, ...] = (
    Field("schema_version", "", f"version of this file's layout, {STATUS_VERSION}"),
    Field("state", "", "one of the states above"),
    Field("reason", "", "why it is in this state, in words"),
    Field("remedy", "", "what to do about it"),
    Field("step", "steps", "optimiser steps done"),
    Field("total_steps", "steps", "how many there will be"),
    Field("epoch", "epochs", "passes over the training samples so far"),
    Field("last_loss", "1", "newest training loss"),
    Field("best_loss", "1", "lowest validation loss, or training loss without validation"),
    Field("seconds_left", "s", "estimated time to the end"),
    Field("device", "", "where it computes, `cpu` or `cuda:0`"),
    Field("num_parameters", "", "weights of the model, once it is built"),
    Field("num_trainable", "", "how many of them are trained"),
    Field("waiting_for", "", "what a queued or stopping run waits for"),
    Field("queue_place", "", "place in the queue of its device, 1 is next"),
    Field("owner", "", "the process that trains: pid, process_start, host, boot, namespace, kind"),
    Field("supervisor", "", "the process that stays with it and says how it ended, or null"),
    Field("heartbeat", "UTC", "last sign of life of the owner, every two seconds"),
    Field(
        "beat",
        "s",
        "the same by the clock of the machine, which nobody sets; null while a process starts",
    ),
    Field("created", "UTC", "when the folder was made"),
    Field("started", "UTC", "when training began, or went on after a resume"),
    Field("ended", "UTC", "when it ended"),
)
