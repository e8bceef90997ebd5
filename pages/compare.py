"""Compare: runs beside each other, their curves, results and what differs in their specs."""

from aurora_dash.ui import shell
from aurora_dash.ui.comparing import page

shell.heading("compare")
page.show()
