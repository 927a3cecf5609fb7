"""
The mapping meeting's form.

Promise: the manifest is written only when it is sound with every answer.
"""

from fabric import task
from invoke.context import Context

from migrate import questionnaire as forms
from migrate.tasks.edge import before_the_move, for_a_person, open_case


@task(name="questionnaire", help={"tenant": "Who is asked."})
def questionnaire(_: Context, tenant: str) -> None:
    """Write the form of the mapping meeting; once it is answered, fill the manifest with it."""
    with for_a_person():
        case = open_case(tenant)
        questions = forms.load_questions(case.workspace)
        with before_the_move(case):
            if not forms.form_file(case).exists():
                print(f"wrote {forms.write_form(case, questions)}")
                print(f"Next: answer it, then fab questionnaire --tenant {tenant}")
                return
            mapping = forms.answered(case, questions)
            changed = forms.fill(case, mapping)
    print(f"{len(mapping.answers)} answers; the manifest's {', '.join(changed) or 'values'}"
          f" {'were filled in' if changed else 'say the same already'}")  # fmt: skip
    print(f"Next: fab run --tenant {tenant}")
