"""
The people and phrases that the generated data are made of.

Promise: the same seed gives the same pools; French and German Switzerland both live in the house.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from faker import Faker

TODAY = date(2026, 6, 30)
"""The last day that the data know; fixed, so that a seed always gives the same rows."""

_THEMES = ("Nacht", "Mobilisation", "Ernährung", "Stimmung", "Besuch", "Körperpflege", "Médecin", "Schmerz")
_SENTENCES = (
    "Bew. hat gut geschlafen und ist ohne Hilfe aufgestanden.",
    "Rés. a bien mangé à midi, mais a refusé le goûter.",
    "Beim Transfer vom Bett in den Rollstuhl brauchte Bew. zwei Personen.",
    "Die Tochter war zu Besuch; Bew. wirkte danach gelöst und erzählte viel vom Oberland.",
    "Visite du médecin : la dose est réduite de moitié dès demain, à réévaluer vendredi.",
    "Bew. klagt über Schmerzen im linken Knie (VAS 4/10), Coolpack gegeben.",
    "Hat heute 1½ l getrunken. Gewicht stabil.",
    "Rés. s’est promenée au jardin avec l’équipe d’animation, très bonne humeur.",
    "Wunde an der Ferse: Rötung rückläufig, Verband gewechselt, Foto abgelegt.",
    "Nachts zweimal gerufen, fand das Zimmer nicht. Nachtlicht bleibt an.",
    "Bew. möchte am Jass-Nachmittag teilnehmen und wurde angemeldet.",
    "Blutdruck etwas hoch, nach Ruhe normal. Keine Massnahmen.",
    "La famille demande un entretien avec la responsable RAI la semaine prochaine.",
    "Appetit vermindert, Lieblingsspeise (Älplermagronen) angeboten und gern genommen.",
)
# What breaks careless tools: escapes of COPY, decomposed accents, emoji, right to left, a lone quote.
_ODD = (
    "Tab\there, zwei\nZeilen und ein Rückstrich \\ sowie \\N und \\.",
    "Zo\u0065\u0301 (zerlegt) und Zoé (zusammengesetzt) sind zwei Schreibweisen.",
    "O'Hara sagt «danke» 👵🏽❤️ – Œuvre, naïf, Ÿ, ﬁ",
    "\u202b\u05e9\u05dc\u05d5\u05dd\u202c und Привет und 你好",
    "",
    '"; DROP TABLE rai.assessment; --',
)


@dataclass
class Pools:
    """All that rows are drawn from; `random` is the only source of chance."""

    seed: int
    random: Random = field(init=False)
    women: list[str] = field(init=False)
    men: list[str] = field(init=False)
    last: list[str] = field(init=False)
    places: list[tuple[str, str, str]] = field(init=False)
    notes: list[tuple[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311 - demo data, repeatable on purpose
        fakers = [Faker("de_CH"), Faker("fr_CH")]
        for faker in fakers:
            faker.seed_instance(self.seed)
        self.women = sorted({f.first_name_female() for f in fakers for _ in range(200)})
        self.men = sorted({f.first_name_male() for f in fakers for _ in range(200)})
        self.last = sorted({f.last_name() for f in fakers for _ in range(250)})
        self.places = [
            (f.street_address(), str(f.random_int(1000, 9658)), f.city()) for f in fakers for _ in range(150)
        ]
        self.notes = [self._note() for _ in range(4000)]

    def _note(self) -> tuple[str, str]:
        if self.random.random() < 0.01:
            return "Übernahme", self.random.choice(_ODD)
        sentences = self.random.sample(_SENTENCES, self.random.randint(1, 4))
        return self.random.choice(_THEMES), " ".join(sentences)

    def day(self, back: int) -> date:
        """A day within the last `back` days before `TODAY`."""
        return TODAY - timedelta(days=self.random.randint(0, back))

    def moment(self, back: int) -> str:
        """A moment with offset, as text, within the last `back` days; summer time is not looked at."""
        r = self.random
        return (
            f"{self.day(back)} {r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}"
            f".{r.randint(0, 999999):06}+02"
        )

    def full_name(self) -> tuple[str, str]:
        """A first and a last name."""
        return self.random.choice(self.women if self.random.random() < 0.7 else self.men), self.random.choice(
            self.last
        )

    def address(self) -> str:
        """A composite ``stamm.anschrift``, as text."""
        place = self.random.choice(self.places)
        return "(" + ",".join(f'"{part}"' for part in place) + ")"
