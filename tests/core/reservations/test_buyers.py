"""What a sale asks of its buyers, and when their answers are complete."""

from __future__ import annotations

import pytest

from app.core.errors import ValidationFailed
from app.core.reservations.buyers import Buyer, BuyerForm, Question, check_form, checked, problems_of

SIZE = Question(
    question_id="size", label="Size of the shirt", kind="choice", options=["S", "M"], required=True
)
CLUB = Question(question_id="club", label="Your club")
ADULT = Question(question_id="adult", label="I am of age", kind="yes", required=True)
ALL = BuyerForm(
    email="required",
    name="required",
    phone="optional",
    terms_url="https://example.org/terms",
    marketing=True,
    questions=[SIZE, CLUB, ADULT],
)
ANN = Buyer(
    email=" Ann@Example.org ",
    name=" Ann ",
    phone="+49 30 123456",
    terms=True,
    marketing=True,
    answers={"size": "M", "adult": "yes", "club": " ", "unknown": "x"},
)


def test_what_is_missing_is_named_in_the_order_of_the_form() -> None:
    assert list(problems_of(ALL, Buyer(phone="call me"))) == [
        "buyer.email",
        "buyer.name",
        "buyer.phone",
        "buyer.answers.size",
        "buyer.answers.adult",
        "buyer.terms",
    ]
    with pytest.raises(ValidationFailed, match=r"buyer\.email"):
        checked(ALL, Buyer())


def test_what_was_said_is_kept_trimmed_and_what_nobody_asked_for_is_not() -> None:
    buyer = checked(ALL, ANN)
    assert (buyer.email, buyer.name, buyer.phone) == ("Ann@example.org", "Ann", "+49 30 123456")
    assert (buyer.terms, buyer.marketing) == (True, True)
    assert buyer.answers == {"size": "M", "adult": "yes"}
    assert checked(BuyerForm(email="off"), ANN) == Buyer()


def test_nothing_is_needed_as_usual() -> None:
    assert not BuyerForm().needed
    assert checked(BuyerForm(), Buyer()) == Buyer()
    assert BuyerForm(questions=[ADULT]).needed
    assert BuyerForm(terms_url="https://example.org/").needed


def test_an_answer_is_one_of_the_options() -> None:
    buyer = Buyer(answers={"size": "XXL", "adult": "no"})
    assert set(problems_of(BuyerForm(questions=[SIZE, ADULT]), buyer)) == {
        "buyer.answers.size",
        "buyer.answers.adult",
    }


def test_a_form_that_cannot_be_answered_is_refused() -> None:
    with pytest.raises(ValidationFailed, match="twice"):
        check_form(BuyerForm(questions=[CLUB, CLUB]))
    with pytest.raises(ValidationFailed, match="options"):
        check_form(BuyerForm(questions=[Question(question_id="a", label="A", kind="choice")]))
    check_form(ALL)
