"""Buyers: what a sale asks them for, what they answer, and whether that suffices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from app.core.errors import ValidationFailed
from app.core.formats import LOCALE, NAME, TEXT, URL, Name, Slug
from app.core.model import Struct
from app.core.notifications.email import mailbox

Asked = Literal["off", "optional", "required"]
QuestionKind = Literal["text", "choice", "yes"]  # free text; one of the options; a checkbox
QUESTIONS_MAX = 10
OPTIONS_MAX = 20
KEEP_DAYS_MAX = 36_500
YES = "yes"  # the answer of a ticked checkbox
PHONE_CHARS = frozenset("0123456789 +-()./")
Line = Annotated[str, Meta(max_length=200, pattern=NAME)]
Answer = Annotated[str, Meta(max_length=500, pattern=TEXT)]
Answers = Annotated[dict[str, Answer], Meta(max_length=QUESTIONS_MAX)]


class Question(Struct, frozen=True):
    """A question of the sale's own; only a `choice` has `options`."""

    question_id: Slug
    label: Name
    kind: QuestionKind = "text"
    options: Annotated[list[Name], Meta(max_length=OPTIONS_MAX)] = []  # noqa: RUF012  # msgspec copies it
    required: bool = False


class BuyerForm(Struct, frozen=True):
    """What a sale asks its buyers for before they pay; with `terms_url` they have to accept its terms.

    `keep_days`: personal data is deleted this many days after the event began; 0: never; null: the
    installation's setting (`FAIRGATE_BUYERS_KEEP_DAYS`). Orders, tickets and receipts stay.
    """

    email: Asked = "optional"
    name: Asked = "off"
    phone: Asked = "off"
    terms_url: Annotated[str, Meta(max_length=2000, pattern=URL)] = ""
    marketing: bool = False  # whether to offer them the organiser's news
    # msgspec copies it
    questions: Annotated[list[Question], Meta(max_length=QUESTIONS_MAX)] = []  # noqa: RUF012
    keep_days: Annotated[int, Meta(ge=0, le=KEEP_DAYS_MAX)] | None = None

    @property
    def asks_anything(self) -> bool:
        """Whether it asks for anything at all."""
        any_of = {self.email, self.name, self.phone} - {"off"}
        return bool(any_of or self.terms_url or self.marketing or self.questions)

    @property
    def needed(self) -> bool:
        """Whether anything is required before paying."""
        levels = (self.email, self.name, self.phone)
        return "required" in levels or bool(self.terms_url) or any(it.required for it in self.questions)


class Buyer(Struct, frozen=True):
    """A buyer's answers; `answers` by question id, `yes` for a ticked checkbox."""

    email: Annotated[str, Meta(max_length=254, pattern=NAME)] = ""
    name: Line = ""
    phone: Annotated[str, Meta(max_length=40, pattern=NAME)] = ""
    terms: bool = False
    marketing: bool = False
    answers: Answers = {}  # noqa: RUF012  # msgspec copies it
    locale: Annotated[str, Meta(max_length=35, pattern=LOCALE)] = ""  # of e-mails; empty: the page's language


def answered(form: BuyerForm, answers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each answer with its question, in the order of the form; then, by id, answers to questions removed
    since."""
    labels = {it.question_id: it.label for it in form.questions}
    answered_pairs = [(label, answers[name]) for name, label in labels.items() if name in answers]
    return answered_pairs + [(name, text) for name, text in sorted(answers.items()) if name not in labels]


def check_form(form: BuyerForm) -> None:
    """Reject a form that cannot be answered. Raises ValidationFailed."""
    seen = set[str]()
    for number, question in enumerate(form.questions):
        if question.question_id in seen:
            raise ValidationFailed(f"questions.{number}.question_id", "appears twice")
        seen.add(question.question_id)
        if (question.kind == "choice") != bool(question.options):
            raise ValidationFailed(f"questions.{number}.options", "belong to a question of the kind `choice`")


def checked(form: BuyerForm, buyer: Buyer) -> Buyer:
    """The answers, trimmed, without those to nothing that was asked. Raises ValidationFailed naming the
    field."""
    problems = problems_of(form, buyer)
    if problems:
        field, words = next(iter(problems.items()))
        raise ValidationFailed(field, words)
    question_ids = {it.question_id for it in form.questions}
    answers = {
        name: text.strip() for name, text in buyer.answers.items() if name in question_ids and text.strip()
    }
    return Buyer(
        email=mailbox(buyer.email, "buyer.email") if buyer.email.strip() and form.email != "off" else "",
        name=buyer.name.strip() if form.name != "off" else "",
        phone=buyer.phone.strip() if form.phone != "off" else "",
        terms=buyer.terms and bool(form.terms_url),
        marketing=buyer.marketing and form.marketing,
        answers=answers,
        locale=buyer.locale,
    )


def problems_of(form: BuyerForm, buyer: Buyer) -> dict[str, str]:
    """What is missing or invalid, by field (`buyer.email`, `buyer.answers.ID`), in the order of the form."""
    problems = dict[str, str]()
    for name in ("email", "name", "phone"):
        if getattr(form, name) == "required" and not getattr(buyer, name).strip():
            problems[f"buyer.{name}"] = "is required"
    if buyer.email.strip() and form.email != "off" and not _is_mailbox(buyer.email):
        problems["buyer.email"] = "is not a deliverable e-mail address"
    if form.phone != "off" and (phone := buyer.phone.strip()) and not _is_phone(phone):
        problems["buyer.phone"] = "must be a phone number, such as +49 30 123456"
    for question in form.questions:
        if words := _problem_of(question, buyer.answers.get(question.question_id, "").strip()):
            problems[f"buyer.answers.{question.question_id}"] = words
    if form.terms_url and not buyer.terms:
        problems["buyer.terms"] = "is required"
    return problems


def _problem_of(question: Question, answer: str) -> str:
    if not answer:
        return "is required" if question.required else ""
    allowed = {"text": (), "choice": question.options, "yes": [YES]}[question.kind]
    return "is not one of the options" if allowed and answer not in allowed else ""


def _is_mailbox(email: str) -> bool:
    try:
        mailbox(email)
    except ValidationFailed:
        return False
    return True


def _is_phone(phone: str) -> bool:
    return set(phone) <= PHONE_CHARS and sum(it.isdigit() for it in phone) >= 5
