"""What people type as a duration, and that reading it back changes nothing."""

import pytest

from enrollment.durations import LONGEST, BadDuration, exact, parse


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("8 h", 28800),
        ("8h", 28800),
        ("90 min", 5400),
        ("1 d 12 h", 129600),
        ("1 Week", 604800),
        ("45 s", 45),
        ("1h30m", 5400),
        (" 2 days ", 172800),
        ("1 Tag", 86400),
        ("2 Wochen 1 Std. 30 Minuten", 2 * 604800 + 5400),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, seconds):
    assert parse(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "8", "0 h", "0 d 0 min", "-1 h", "1.5 h", "1e309 s", "nan", "inf h", "8 x", "h", "8 h;", "\u0668 h", "400 d"]
)
def test_anything_else_is_refused_in_words(text):
    with pytest.raises(BadDuration, match=r"\.$"):
        parse(text)


def test_no_time_is_not_taken_for_a_lack_of_a_unit():
    with pytest.raises(BadDuration, match="longer than no time"):
        parse("0")


@pytest.mark.parametrize("seconds", [1, 59, 60, 61, 3599, 3600, 86399, 86400, 90061, 7 * 86400, 90 * 86400, LONGEST])
def test_what_is_printed_reads_back_the_same(seconds):
    assert parse(exact(seconds)) == seconds
