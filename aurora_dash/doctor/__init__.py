"""What this machine offers, and what would stand in the way. Importing it does not import torch."""

from aurora_dash.doctor.examination import Diagnosis, examine
from aurora_dash.doctor.machine import Gpu, MachineSummary, machine_summary

__all__ = ["Diagnosis", "Gpu", "MachineSummary", "examine", "machine_summary"]
