"""
The vendor's activities, ``stacks/activities.yaml``: what a project is made of.

    activities:
      - id: kickoff
        title: {fr: …, de: …, nb: Oppstartsmøte, en: Kick-off}
        days: [1, 2]                # working days, at least and at most
        positions: [project]        # of the rate card: what it costs
      - {id: training, after: [kickoff], …}

Promise: `Activities` that exist are sound: they come to an end, and each is behind those that it waits for.
"""

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, model_validator

from migrate.rates import Words
from provisioning.manifest import Name
from provisioning.model import Model
from provisioning.model_file import load_model
from provisioning.workspace import Workspace

Days = tuple[int, int]


class Activity(Model):
    """One activity. Several may go on at once; `after` are those that have to be over first."""

    id: Name
    title: Words
    by: Literal["vendor", "customer", "both"] = "both"
    days: Days = Field(description="Working days, at least and at most.")
    after: tuple[Name, ...] = ()
    positions: tuple[Name, ...] = Field(default=(), description="Of the rate card: what it costs.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        low, high = self.days
        if not 1 <= low <= high <= 400:
            raise ValueError("days are two numbers from 1 to 400, the smaller first")
        return self


class Activities(Model):
    """``stacks/activities.yaml``, each activity behind those that it waits for."""

    activities: tuple[Activity, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _come_to_an_end(self) -> Self:
        known: set[str] = set()
        for one in self.activities:
            if one.id in known:
                raise ValueError(f"{one.id} stands twice")
            if missing := [name for name in one.after if name not in known]:
                raise ValueError(f"{one.id} waits for {', '.join(missing)}, which has to stand before it")
            known.add(one.id)
        claimed = [name for one in self.activities for name in one.positions]
        if twice := sorted({name for name in claimed if claimed.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} would be counted twice; name it in one activity")
        return self


def load_activities(workspace: Workspace) -> Activities:
    """
    Return the vendor's activities.

    Raises:
        ManifestError: The file is missing or has faults; all of them are told.
    """
    return load_model(
        workspace.stacks / "activities.yaml",
        Activities,
        next_step="copy examples/fjordvik/stacks/activities.yaml and make it yours",
    )


def spans(activities: Iterable[Activity]) -> dict[str, tuple[Days, Days]]:
    """
    Return when each begins and ends, in working days from the project's first.

    Returns:
        By id: earliest begin and end, where all take their least; latest ones, where all take their most.
    """
    found: dict[str, tuple[Days, Days]] = {}
    for one in activities:
        early, late = (max([found[name][n][1] for name in one.after], default=0) for n in (0, 1))
        found[one.id] = ((early, early + one.days[0]), (late, late + one.days[1]))
    return found
