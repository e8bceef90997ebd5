"""Train: what to learn, for how long and how fast; then launch."""

import streamlit as st

from aurora_dash.ui import editor, estimates, lr_test, machine, parameters, readiness, shell
from aurora_dash.ui.forms import (
    cluster,
    distributed,
    health,
    launch,
    learning,
    loader,
    optimiser,
    recipe,
    rollout,
    schedule,
    trainable,
    training,
    watched,
)

shell.heading("train")
spec = editor.current().spec
launch.in_short(spec)
launch.name(spec)
with st.expander("Begin from a recipe", icon=":material/menu_book:"):
    recipe.choose(spec)

st.subheader("What to learn", anchor=False)
learning.targets(spec)
with st.expander("Loss and weights", icon=":material/balance:"):
    learning.loss(spec)

with st.expander(f"Forecasts in training: {rollout.summary(spec)}", icon=":material/redo:"):
    rollout.choose(spec)

st.subheader("What is trained", anchor=False)
trainable.choose(spec)
parameters.show(spec)

st.subheader("How long", anchor=False)
training.length(spec)

st.subheader("How fast", anchor=False)
training.learning_rates(spec)
schedule.chart(spec)
with st.expander("Optimiser, clipping, average of the weights", icon=":material/speed:"):
    optimiser.choose(spec)
findings = readiness.findings(spec)
with st.expander("Find a learning rate", icon=":material/experiment:"):
    lr_test.show(spec, findings)
with st.expander("Device, validation, checkpoints", icon=":material/tune:"):
    training.housekeeping(spec, machine.devices())
    watched.choose(spec)
with st.expander(f"Processes: {distributed.summary(spec)}", icon=":material/lan:"):
    distributed.processes(spec)
with st.expander("Health: what is watched", icon=":material/monitor_heart:"):
    health.rules(spec)
with st.expander("Reading the data", icon=":material/speed:"):
    loader.reading(spec)

st.subheader("Memory", anchor=False)
estimates.show(spec)

st.subheader("Launch", anchor=False)
launch.whole_spec(spec)
with st.expander("A script for a cluster", icon=":material/dns:"):
    cluster.download(spec)
ready = launch.check_list(findings)
launcher = launch.where(spec)
launch.foot(spec, launcher, ready=ready)
