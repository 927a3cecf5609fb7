"""
KPIs: figures that a customer signed, as views that only read.

    definition   the file: what each figure is, and why one is refused
    dashboards   the views on the site, and the proof that whoever reads them can do nothing else
"""
