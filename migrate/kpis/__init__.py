"""
KPIs: figures that a customer signed, as views that only read.

    definition   the file: what each figure is
    safety       whether a figure can do nothing but read
    dashboards   the views on the site, and the proof that whoever reads them can do nothing else
"""
