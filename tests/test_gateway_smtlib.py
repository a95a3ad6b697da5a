"""SMT-LIB as the gateway reads it: what passes, what is dropped, what is refused."""

import pytest

from acgs_load.gateway.smtlib import DEPTH_MOST, SmtError, compose, read_script, tokenize


def test_a_script_is_written_anew():
    """Declarations, definitions and assertions stay; everything else is checked and dropped."""
    script = read_script(
        """; a comment with (parentheses and "quotes
        (set-info :status sat) (set-logic QF_LIRA)
        (set-option :produce-models true) (set-info :source |any text (|) (set-info :flag)
        (declare-const x Int)(declare-fun y () Real)
        (declare-fun f (Int Bool) Int)
        (define-fun g ((a Int) (b Real)) Bool (> a b))
        (define-fun c () Int 7)
        (assert (and (g x y) (= (f x true) c))) ; more
        (check-sat) (get-model) (exit)"""
    )
    assert script.constants == {"x": "Int", "y": "Real"}
    assert script.text.splitlines() == [
        "(declare-fun x (  ) Int)",
        "(declare-fun y (  ) Real)",
        "(declare-fun f ( Int Bool ) Int)",
        "(define-fun g ( ( a Int ) ( b Real ) ) Bool ( > a b ))",
        "(define-fun c ( ) Int 7)",
        "(assert ( and ( g x y ) ( = ( f x true ) c ) ))",
    ]


def test_what_follows_exit_is_read_but_not_asked():
    """As a solver would: the script has ended, yet it must be well-formed."""
    assert read_script("(assert true)(exit)(assert false)").text == "(assert true)"
    with pytest.raises(SmtError):
        read_script("(exit)(push 1)")


def test_an_empty_script_asks_nothing():
    """No assertion is no error."""
    assert read_script(" ; nothing\n") == read_script("") == ({}, "")


MALFORMED = [
    "(",
    ")",
    "(assert true",
    "(assert true))",
    "assert true",
    "()",
    "(assert)",
    "(assert true false)",
    "(assert true) )(",
    "((assert true))",
    '(assert "open)',
    "(assert |open)",
    "(assert [x])",
    "(assert 'x)",
    "(assert ü)",
    '(assert "ü")',
    '(assert "\x00")',
    "(assert |a\nb|)",
    "(push 1)",
    "(pop 1)",
    "(reset)",
    "(get-value (x))",
    "(check-sat-assuming (x))",
    "(declare-sort S 0)",
    "(define-sort S () Int)",
    "(define-fun-rec f ((x Int)) Int (f x))",
    "(declare-datatypes ((L 0)) (((nil))))",
    "(include |/etc/passwd|)",
    "(eval 1)",
    "(echo |x|)",
    '("assert" true)',
    "(check-sat now)",
    "(exit 1)",
    "(get-model x)",
    "(set-logic)",
    "(set-logic A B)",
    "(set-logic (A))",
    "(set-info)",
    "(set-info status sat)",
    "(set-info :status sat unsat)",
    "(set-option)",
    "(declare-const x)",
    "(declare-const)",
    "(declare-const x Int Int)",
    "(declare-const x String)",
    "(declare-const x (Array Int Int))",
    "(declare-const 1x Int)",
    "(declare-const x-y Int)",
    "(declare-const |x| Int)",
    "(declare-const true Bool)",
    "(declare-const let Int)",
    "(declare-const _ Int)",
    "(declare-const (x) Int)",
    "(declare-const x Int)(declare-const x Int)",
    "(declare-const x Int)(declare-fun x () Bool)",
    "(declare-fun)",
    "(declare-fun f)",
    "(declare-fun f Int)",
    "(declare-fun f () )",
    "(declare-fun f (Int) (Set Int))",
    "(declare-fun f ((Int)) Int)",
    "(declare-fun f (Int Foo) Int)",
    "(define-fun f)",
    "(define-fun f () Int)",
    "(define-fun f () Foo 1)",
    "(define-fun f ((x Foo)) Int 1)",
    "(define-fun f ((x)) Int 1)",
    "(define-fun f ((x Int) Int 1)",
    "(define-fun f (x Int) Int 1)",
    "(define-fun f ((|x| Int)) Int 1)",
    "(define-fun f () Int 1 2)",
    "(define-fun f ((",
    "(define-fun f ((x Int))",
    "(declare-const x Int)(define-fun x () Int 1)",
    "(" * (DEPTH_MOST + 1) + ")" * (DEPTH_MOST + 1),
]


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed_or_forbidden_scripts_are_refused(text):
    """One error for all of them, never another exception."""
    with pytest.raises(SmtError):
        read_script(text)


@pytest.mark.parametrize("term", ["", " ", ";c", "true false", "(or", "or)", ") (", "true) (assert false", "(x) (y)"])
def test_a_constraint_is_exactly_one_term(term):
    """No constraint can smuggle in another command."""
    with pytest.raises(SmtError):
        compose({}, [term])
    with pytest.raises(SmtError):
        compose({}, [], term)


def test_composed_scripts():
    """Declarations first, each constraint asserted, the requirement negated; comments cannot swallow anything."""
    script = compose({"x": "Int", "b": "Bool"}, ["b ; c", "(> x 1)"], "(> x 0)")
    assert script.constants == {"x": "Int", "b": "Bool"}
    assert script.text.splitlines() == [
        "(declare-const x Int)",
        "(declare-const b Bool)",
        "(assert b)",
        "(assert ( > x 1 ))",
        "(assert (not ( > x 0 )))",
    ]


def test_tokens():
    """Texts and quoted symbols are one token each, doubled quotes included."""
    assert tokenize('(a "b ""c"" (" |d e| :f #b01 -1.5)') == [
        "(",
        "a",
        '"b ""c"" ("',
        "|d e|",
        ":f",
        "#b01",
        "-1.5",
        ")",
    ]
