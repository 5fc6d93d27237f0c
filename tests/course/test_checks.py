"""check and answer: what passes, what must fail, and the words of both."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from coursekit.checks import CheckFailed, answer, check

NAN, INF = np.nan, np.inf
UP = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "left, right, options",
    [
        (2, 2.0, {}),
        (UP, [1, 2, 3], {}),
        (UP, np.array([1, 2, 3]), {}),
        (np.float32(0.5), 0.5, {}),
        (True, 1, {}),
        (UP, UP + 1e-7, {"atol": 2e-7}),
        (UP, UP * (1 + 1e-7), {"rtol": 2e-7}),
        (1.0, 1.5, {"atol": 0.25, "rtol": 0.25}),
        (UP, 1, {"relation": ">="}),
        (1, UP, {"relation": "<="}),
        (UP, UP, {"relation": "<="}),
        (UP, UP, {"relation": ">="}),
        (UP, UP - 1e-7, {"relation": "<=", "atol": 2e-7}),
        (UP, UP + 1e-7, {"relation": ">=", "atol": 2e-7}),
        (np.full(3, 2.0), 2, {}),
        (INF, INF, {}),
        (-INF, -INF, {"rtol": 1e-3}),
        (5, INF, {"relation": "<=", "rtol": 1e-3}),
        (5, -INF, {"relation": ">="}),
        (1.0, 1.3, {"se": 0.1}),
        (UP, UP + 0.3, {"se": np.full(3, 0.1)}),
        (UP, UP + [0.3, 0, 0], {"se": 0.1}),
        (1.0, 0.7, {"se": 0.1, "relation": "<="}),
        (UP, UP + 0.3, {"se": torch.full((3,), 0.1)}),
        (torch.tensor([1.0, 2, 3], requires_grad=True), UP, {}),
        (torch.tensor([1, 2, 3]), torch.tensor([1.0, 2, 3], dtype=torch.bfloat16), {}),
    ],
)
def test_what_holds_passes(left, right, options, capsys):
    assert check("claim", left, right, **options) is None
    assert capsys.readouterr().out.startswith("✓ claim   (")


@pytest.mark.parametrize(
    "left, right, options",
    [
        (2, 2.0000001, {}),
        (np.float32(0.1), 0.1, {}),
        (UP, UP + 1e-7, {"atol": 0.5e-7}),
        (UP, UP * (1 + 1e-7), {"rtol": 0.5e-7}),
        (UP, UP + [0, 0, 1e-3], {"atol": 1e-6}),
        (UP, 2, {"relation": ">="}),
        (2, UP, {"relation": "<="}),
        (UP, UP - 1e-7, {"relation": "<="}),
        (UP, UP + 1e-7, {"relation": ">="}),
        (UP, 2, {}),
        (NAN, NAN, {}),
        (NAN, 1, {"atol": 1e9}),
        (1, NAN, {"relation": "<="}),
        (NAN, 1, {"relation": ">=", "atol": 1}),
        ([1, NAN, 3], UP, {}),
        (NAN, 1, {"se": 1}),
        (INF, 1, {"atol": 1e300}),
        (1, INF, {"rtol": 1}),
        (INF, -INF, {"rtol": 1}),
        (INF, 5, {"relation": "<=", "rtol": 1}),
        (5, INF, {"relation": ">=", "rtol": 1}),
        (UP, [1, 2], {}),
        (UP, UP[:, None], {}),
        (UP, UP[None], {}),
        (np.ones((2, 3)), np.ones((3, 2)), {}),
        ([], [], {}),
        ([], 1, {}),
        (1, np.empty((0, 3)), {"relation": "<="}),
        (1.0, 1.5, {"se": 0.1}),
        (UP, UP + [0, 0, 0.5], {"se": [1, 1, 0.1]}),
        (1.0, 0.5, {"se": 0.1, "relation": "<="}),
        (1.0, 1.0001, {"se": 0.0}),
        (torch.tensor([1.0, 2, 4]), UP, {}),
        (np.float32(3e38), np.float32(-3e38), {}),
        (1e308, -1e308, {}),
    ],
)
def test_what_does_not_hold_fails(left, right, options, capsys):
    with pytest.raises(CheckFailed, match="^claim: "):
        check("claim", left, right, **options)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "options, line",
    [
        ({}, "✓ a = b   (exactly)\n"),
        ({"atol": 1e-12}, "✓ a = b   (== within 1e-12)\n"),
        ({"rtol": 0.05}, "✓ a = b   (== within 0.05 relative)\n"),
        ({"atol": 0.1, "rtol": 0.05}, "✓ a = b   (== within 0.1 + 0.05 relative)\n"),
        ({"relation": "<="}, "✓ a = b   (<=)\n"),
        ({"relation": ">=", "atol": 0.5}, "✓ a = b   (>= within 0.5)\n"),
        ({"se": 0.123}, "✓ a = b   (== within 4 standard errors)\n"),
    ],
)
def test_the_printed_line_holds_nothing_that_changes_from_run_to_run(options, line, capsys):
    check("a = b", UP, UP, **options)
    assert capsys.readouterr().out == line


def test_a_failure_shows_both_values_where_they_differ_most():
    with pytest.raises(CheckFailed) as failure:
        check("sums agree", np.array([[1, 2], [3, 4.5]]), np.array([[1, 2.25], [3, 4]]))
    message = str(failure.value)
    assert "sums agree" in message and "index (1, 1)" in message
    assert "4.5 is not 4" in message
    with pytest.raises(CheckFailed, match=r"nan is not .*, at index \(1,\)"):
        check("sums agree", [0, NAN, 9], [1, 1, 1])
    with pytest.raises(CheckFailed, match=r"2 is not .*, at index \(1,\)"):
        check("beside an infinity", [INF, 2], [INF, 1])
    with pytest.raises(CheckFailed, match=r"different shapes, \(3,\) and \(2,\)"):
        check("shapes", UP, UP[:2])
    assert failure.value._render_traceback_() == [f"✗ {message}"]
    assert isinstance(failure.value, AssertionError)


@pytest.mark.parametrize(
    "bad", ["2", b"2", None, object(), ["1", "2"], 1j, torch.tensor(1j), np.datetime64(1, "s")]
)
def test_what_is_no_number_is_refused(bad):
    for left, right in ((bad, 2), (2, bad), (bad, bad)):
        with pytest.raises(TypeError, match="must be numbers"):
            check("claim", left, right)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"relation": "="}, "unknown relation '='; choose one of ==, <=, >="),
        ({"relation": "<"}, "unknown relation '<'"),
        ({"se": 0.1, "atol": 0.1}, "give either se or atol/rtol"),
        ({"se": 0.1, "rtol": 0.1}, "give either se or atol/rtol"),
        ({"se": INF}, "se must be finite and not negative"),
        ({"se": NAN}, "se must be finite and not negative"),
        ({"se": [0.1, -0.1, 0.1]}, "se must be finite and not negative"),
        ({"atol": INF}, "atol must be finite and not negative"),
        ({"atol": -1e-9}, "atol must be finite and not negative"),
        ({"rtol": NAN}, "rtol must be finite and not negative"),
        ({"se": [[0.1], [0.1], [0.1]]}, "se must be one number or have the shape of the sides"),
        ({"se": [0.1, 0.1]}, "se must be one number or have the shape of the sides"),
    ],
)
def test_a_tolerance_that_makes_no_sense_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        check("claim", UP, UP, **options)


def test_four_standard_errors_are_four():
    check("claim", 0.0, 0.399, se=0.1)
    with pytest.raises(CheckFailed):
        check("claim", 0.0, 0.401, se=0.1)


@pytest.mark.parametrize(
    "left, right, options",
    [
        (0.1, 1, {"relation": "<=", "control": 1.5}),
        (UP, 0, {"relation": ">=", "control": -1}),
        (UP, 0, {"relation": ">=", "control": UP - 4}),  # every entry fails
        (UP, UP, {"control": UP + [1, 0, 0]}),  # an array is another one as soon as one entry is
        (0, UP, {"relation": "<=", "control": 4}),
        (0, UP, {"relation": "<=", "control": {"doubled": 2 * UP}}),
        (0.1, 1, {"relation": "<=", "control": {"shuffled": torch.tensor(1.5, requires_grad=True)}}),
        (0.1, 1, {"relation": "<=", "control": INF}),
        (1.0, 1.3, {"se": 0.1, "control": 1.8}),
        (UP, UP + 0.3, {"se": np.full(3, 0.1), "control": 7}),
        (UP, 2, {"se": [1, 1, 1], "relation": "<=", "control": 7}),
        (UP, UP, {"control": {"sum for mean": UP * 3}}),
        (1.05, 1, {"relation": "<=", "atol": 0.1, "control": 1.2}),
    ],
)
def test_a_control_that_fails_the_bar_supports_the_claim(left, right, options, capsys):
    check("claim", left, right, **options)
    assert "control" in capsys.readouterr().out


@pytest.mark.parametrize(
    "control, name",
    [
        (0.9, "the control passes too"),
        ({"uniform noise": 0.9}, 'the control "uniform noise" passes too'),
        ({"no training": 7, "uniform noise": 1.05}, 'the control "uniform noise" passes too'),
        (-INF, "the control passes too"),
    ],
)
def test_a_control_that_passes_too_fails_the_check(control, name, capsys):
    with pytest.raises(CheckFailed, match=f"^claim: {name}: this proves nothing. It gets "):
        check("claim", 0.1, 1, relation="<=", atol=0.1, control=control)
    assert capsys.readouterr().out == ""
    with pytest.raises(CheckFailed, match="is not at most"):
        check("claim", 2, 1, relation="<=", control=control)  # the claim itself comes first


@pytest.mark.parametrize(
    "relation, control, sentence",
    [
        (
            ">=",
            [-1, -1, 2],
            r"passes too at index \(2,\): this proves nothing. It gets 2, to be compared with 0",
        ),
        (
            ">=",
            [-1, 0, -1],
            r"passes too at index \(1,\): .* It gets 0, to be compared with 0",
        ),
        ("<=", [[1, 2, -3]], r"passes too at index \(0, 2\)"),
    ],
)
def test_every_entry_of_a_control_must_fail_a_bound(relation, control, sentence, capsys):
    left = [[0.0, 0.0, 0.0]] if relation == "<=" else [0, 1, 2]
    with pytest.raises(CheckFailed, match=sentence):
        check("three seeds", left, 0, relation=relation, control={"untrained": control})
    assert capsys.readouterr().out == ""


def test_a_control_of_an_equality_is_a_slip_that_must_differ():
    with pytest.raises(CheckFailed, match="this proves nothing. It gets 2.05, to be compared with 2"):
        check("claim", 2, 2, atol=0.1, control={"n for n - 1": 2.05})


@pytest.mark.parametrize(
    "options, end",
    [
        ({"relation": "<=", "control": 9}, "(<=; the control fails)"),
        ({"relation": "<=", "control": {"noise": 9}}, "(<=; the control fails: noise)"),
        (
            {"relation": "<=", "atol": 0.5, "control": {"noise": 9.123, "no training": 7}},
            "(<= within 0.5; the controls fail: noise, no training)",
        ),
        ({"relation": ">=", "theorem": "Jensen"}, "(>=; theorem: Jensen)"),
        (
            {"relation": "<=", "se": 0.1, "theorem": "weak duality"},
            "(<= within 4 standard errors; theorem: weak duality)",
        ),
        ({"control": {"slip": 9}}, "(exactly; the control fails: slip)"),
    ],
)
def test_the_line_names_control_or_theorem_without_a_value(options, end, capsys):
    check("a = b", UP, UP, **options)
    assert capsys.readouterr().out == f"✓ a = b   {end}\n"


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"control": 9, "theorem": "Jensen"}, "either control or theorem"),
        ({"theorem": "Jensen", "relation": "=="}, "theorem names a bound"),
        ({"theorem": ""}, "theorem is the name"),
        ({"theorem": True}, "theorem is the name"),
        ({"control": {}}, "control must be a value, or a dict"),
        ({"control": {"": 9}}, "control must be a value, or a dict"),
        ({"control": {1: 9}}, "control must be a value, or a dict"),
        ({"control": NAN}, "the control is empty or NaN"),
        ({"control": {"diverged": [1, NAN, 1]}}, 'the control "diverged" is empty or NaN'),
        ({"control": []}, "the control is empty or NaN"),
        (
            {"control": {"noise": [9, 9]}},
            r'the control "noise" has shape \(2,\), but is compared with \(3,\)',
        ),
    ],
)
def test_a_control_or_theorem_that_makes_no_sense_is_refused(options, sentence, capsys):
    with pytest.raises(ValueError, match=sentence):
        check("claim", UP, UP, **{"relation": "<=", **options})
    assert capsys.readouterr().out == ""
    with pytest.raises(TypeError, match="control must be numbers"):
        check("claim", UP, UP, relation="<=", control={"noise": "9"})


@pytest.mark.parametrize("encoding, printed", [("cp1252", "OK 1 <= x² ?"), ("ascii", "OK 1 <= x^2 ?")])
def test_a_terminal_without_the_signs_gets_others(encoding, printed):
    lines = [
        "from coursekit.checks import answer, check, CheckFailed",
        "check('1 ≤ x² \u2208', 1, 1)",
        "answer('1 ≤ x² \u2208', 1, 1)",
        "print(*CheckFailed('1 ≤ x² \u2208')._render_traceback_())",
    ]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    run = subprocess.run([sys.executable, "-c", "\n".join(lines)], env=environment, capture_output=True)
    assert run.stderr == b""
    failed = printed.replace("OK", "FAILED")
    assert run.stdout.decode(encoding).splitlines() == [f"{printed}   (exactly)", printed, failed]


@pytest.mark.parametrize(
    "yours, expected",
    [
        (3, 3.0),
        ([1, 2, 3], UP),
        (UP + 1e-9, UP),
        (torch.tensor([1.0, 2, 3], requires_grad=True), UP),
        (UP, torch.tensor([1.0, 2, 3], dtype=torch.bfloat16)),
        (True, True),
        ([INF, 1], [INF, 1]),
    ],
)
def test_a_right_answer_prints_one_line(yours, expected, capsys):
    assert answer("whitening", yours, expected) is None
    assert capsys.readouterr().out == "✓ whitening\n"


@pytest.mark.parametrize(
    "yours, expected, sentence",
    [
        (None, UP, "got None. Does your function end with `return`"),
        ("three", 3, "your answer must be numbers"),
        ([[1], [1, 2]], UP, "whitening: "),
        (UP[:2], UP, r"your answer has shape \(2,\), but \(3,\) is asked for"),
        (UP[None], UP, r"your answer has shape \(1, 3\)"),
        (2, UP, r"your answer has shape \(\)"),
        (UP, 2, r"your answer has shape \(3,\)"),
        (UP + 1e-6, UP, "whitening: "),
        (NAN, NAN, "whitening: "),
        ([1, NAN, 3], UP, r"index \(1,\)"),
        ([INF, 2, 3], [INF, 2, 4], r"index \(2,\)"),
        ([], [], "nothing was compared"),
        (INF, -INF, "whitening: "),
    ],
)
def test_a_wrong_answer_fails_with_a_sentence(yours, expected, sentence, capsys):
    with pytest.raises(CheckFailed, match=sentence) as failure:
        answer("whitening", yours, expected)
    assert str(failure.value).startswith("whitening: ")
    assert capsys.readouterr().out == ""


def test_a_well_known_slip_is_named():
    slips = {"divide by n, not n - 1": 2.5, "take the root": torch.tensor(1.5, requires_grad=True)}
    with pytest.raises(CheckFailed, match="variance: divide by n, not n - 1"):
        answer("variance", 2.5, 2.0, wrong=slips)
    with pytest.raises(CheckFailed, match="variance: take the root"):
        answer("variance", 1.5, 2.0, wrong=slips)
    with pytest.raises(CheckFailed) as failure:
        answer("variance", 7.0, 2.0, wrong=slips)
    assert "divide" not in str(failure.value) and "7" in str(failure.value) and "2" in str(failure.value)
    # The right answer passes, also when a slip happens to give it too.
    answer("variance", 2.0, 2.0, wrong={"no slip here": 2.0})


@pytest.mark.parametrize("off", [1e-3, 1e-6, 1e-7, 1e-12])
def test_two_values_that_differ_are_never_shown_alike(off):
    with pytest.raises(CheckFailed) as failure:
        answer("claim", 3 + off, 3, atol=0, rtol=0)
    mine = str(failure.value).split(" is ")[1].split(",")[0]
    assert mine != "3" and float(mine) == pytest.approx(3 + off, rel=1e-11)


def test_tolerances_of_an_answer():
    answer("claim", 1.05, 1.0, atol=0.1)
    answer("claim", 105.0, 100.0, rtol=0.1)
    with pytest.raises(CheckFailed):
        answer("claim", 1.2, 1.0, atol=0.1, rtol=0)


def test_the_arguments_are_left_unchanged():
    left, right = UP.copy(), UP[::-1].copy()
    check("claim", left, right, atol=5)
    answer("claim", left, UP)
    np.testing.assert_array_equal(left, UP)
    np.testing.assert_array_equal(right, UP[::-1])


def test_packed_slips_say_what_the_open_ones_say():
    """A student's copy packs `wrong`: the same sentences, also for values of names at hand."""
    from coursetools.homework.build import packed_slips

    local = 4.0
    source = 'answer("é", yours, 2.0, wrong={"twice as large": 2 * two, "é squared": sum([two] * 2)})'
    packed = packed_slips(source)
    assert "twice" not in packed and "squared" not in packed
    for yours, said in ((local, "twice as large"), (3.0, "your value is 3")):
        for form in (source, packed):
            with pytest.raises(CheckFailed, match=said):
                exec(form, {"answer": answer, "two": 2.0, "yours": yours})
    assert packed_slips("answer('a', 1, 1)") == "answer('a', 1, 1)"
