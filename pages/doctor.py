"""Doctor: what this machine offers, what stands in the way, and what to do about it."""

from aurora_dash.ui import doctor, machine, shell

shell.heading("doctor")
machine.facts(with_link=False)
doctor.examination()
