"""
The file of KPIs, ``kpis.yaml``: each figure as one SELECT over the template's tables.

    kpis:
      - name: visits_by_user
        title: {fr: Visites par vendeur, en: Visits a sales person}
        sql: SELECT mobile_user, count(*) AS visits FROM work.visit GROUP BY mobile_user

Promise: names are safe in SQL and stand once. Whether a figure only reads is `migrate.kpis.safety`.
"""

from pydantic import Field

from migrate.workbook.form import Bilingual
from provisioning.manifest_base import Identifier, refuse_twice
from provisioning.model import Model


class Kpi(Model):
    """One figure, or one row of figures for each of something."""

    name: Identifier = Field(max_length=40)
    title: Bilingual
    unit: str = Field(default="", max_length=20)
    sql: str = Field(min_length=8, max_length=4000)


class Kpis(Model):
    """``kpis.yaml``."""

    kpis: tuple[Kpi, ...] = Field(min_length=1, max_length=100)

    def model_post_init(self, _: object) -> None:
        refuse_twice("kpis", [kpi.name for kpi in self.kpis])
