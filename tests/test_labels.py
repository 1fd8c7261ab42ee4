"""One vocabulary: what any usual spelling means, and that nothing ambiguous becomes a kind of attack."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antispoof.errors import InputError
from antispoof.labels import folder_meaning, is_listed_bona_fide, meaning, plain, read_labels, truth

GENUINE = [
    "bona_fide",
    "bonafide",
    "bona fide",
    "live",
    "alive",
    "real",
    "genuine",
    "human",
    "target",
    "authentic",
]
ATTACKS = ["spoof", "attack", "fake", "spoofed", "imposter", "not live", "presentation attack", "non-genuine"]
KINDS = [
    "print",
    "replay",
    "mask",
    "A07",
    "silicone mask",
    "live_portrait",
    "realtalk",
    "ecoflex",
    "olive",
    "Task1-team20",
]


@st.composite
def spelt(draw: st.DrawFn, words: list[str]) -> str:
    """A word as somebody else writes it: case, blanks, hyphens, quotes, invisible characters."""
    word = draw(st.sampled_from(words))
    gap = draw(st.sampled_from([" ", "_", "-", "  "]))
    changed = "".join(draw(st.sampled_from([c.lower(), c.upper()])) for c in gap.join(plain(word).split("_")))
    around = draw(st.sampled_from(["", " ", "\t", "\u00a0", "'", '"', "\u200b", "\ufeff"]))
    return around + changed + around


@given(spelt(GENUINE))
def test_bona_fide_in_any_spelling(word: str) -> None:
    assert meaning(word) == "bona_fide"
    assert read_labels({word: 3, "print": 2}) == {word: None, "print": "print"}


@given(spelt(ATTACKS))
def test_an_attack_of_no_stated_kind_in_any_spelling(word: str) -> None:
    assert meaning(word) == "attack"
    assert read_labels({"live": 1, word: 1})[word] == word.strip()


@given(st.lists(spelt(KINDS), min_size=1, max_size=6, unique=True))
def test_kinds_that_differ_in_spelling_alone_are_one(words: list[str]) -> None:
    read = read_labels(dict.fromkeys(words, 1))
    assert None not in read.values()
    assert len(set(read.values())) == len({plain(word) for word in words})
    assert set(read.values()) <= {word.strip() for word in words}


@given(
    st.dictionaries(
        st.sampled_from(
            ["0", "1", "0.0", "1.0", "2", " 1", "1e0", "true", "False", "yes", "N", "pos", "l", "S"]
        ),
        st.integers(1, 99),
        min_size=1,
    ),
    st.booleans(),
)
def test_what_means_both_is_refused_with_its_counts_until_somebody_says_which(
    counts: dict[str, int], beside_words: bool
) -> None:
    given = {**counts, "print": 5, "live": 7} if beside_words else counts
    with pytest.raises(InputError, match="--bona-fide") as caught:
        read_labels(given)
    for word, count in list(counts.items())[:6]:
        assert f"{word!r} in {count}" in str(caught.value)
    first = next(iter(counts))
    said = read_labels(counts, bona_fide=first)
    assert {word for word, name in said.items() if name is None} == {w for w in counts if same(w, first)}


def same(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return plain(one) == plain(other)


@given(
    st.sampled_from(["", " ", "nan", "None", "NULL", "n/a", "-", "?", "unknown", "Unlabelled"]),
    st.integers(1, 99),
)
def test_a_row_that_says_nothing_is_refused_and_counted(word: str, count: int) -> None:
    with pytest.raises(InputError, match=f"says nothing in {count} of {count + 4} rows"):
        read_labels({"bona_fide": 4, word: count})


def test_signs_say_which_is_which() -> None:
    assert read_labels({"+1": 2, "-1": 2}) == {"+1": None, "-1": "unspecified"}
    assert read_labels({"1": 2, "-1": 2, "-2.0": 1}) == {"1": None, "-1": "attack_1", "-2.0": "attack_2"}
    assert read_labels({"\u22121": 1, "1.0": 2}) == {"\u22121": "unspecified", "1.0": None}
    for counts in ({"-1": 1, "0": 1}, {"+1": 1, "2": 1}, {"1": 1}, {"-0.5": 1, "1": 1}):
        with pytest.raises(InputError, match="means bona fide in some"):
            read_labels(counts)


@pytest.mark.parametrize(
    ("column", "genuine"),
    [
        ("is_live", "1"),
        ("bonafide", "True"),
        ("is_spoof", "0"),
        ("Fake", "no"),
        ("attribute.is_attack", "false"),
        ("spoof_label", "0.0"),
    ],
)
def test_the_name_of_a_column_says_what_yes_means(column: str, genuine: str) -> None:
    other = {"1": "0", "0": "1", "True": "False", "no": "yes", "false": "true", "0.0": "1.0"}[genuine]
    assert read_labels({genuine: 1, other: 1}, column=column) == {genuine: None, other: "unspecified"}


def test_what_was_said_wins_and_must_fit() -> None:
    assert read_labels({"0": 1, "1": 1, "2": 1}, bona_fide="0.0") == {
        "0": None,
        "1": "attack_1",
        "2": "attack_2",
    }
    assert read_labels({"": 3, "print": 1}, bona_fide="") == {"": None, "print": "print"}
    with pytest.raises(InputError, match="no row has '5'"):
        read_labels({"0": 1, "1": 1}, bona_fide="5")
    with pytest.raises(InputError, match="'0' was said to mean bona fide, but label also holds 'live' in 2"):
        read_labels({"0": 1, "live": 2}, column="label", bona_fide="0")


@pytest.mark.parametrize("word", ["bona_fdie", "Bonafied", "genuin", "genuine1y", "bona_fides"])
def test_a_misspelt_bona_fide_is_no_kind_of_attack(word: str) -> None:
    with pytest.raises(InputError, match="looks like a misspelt"):
        read_labels({word: 3, "print": 3})


def test_folders_and_lists_use_the_same_words() -> None:
    names = ("Live", "real_part", "Fake_Part", "bona fide", "SPOOFS", "ClientRaw")
    assert [folder_meaning(name) for name in names] == [
        "bona_fide", "bona_fide", "attack", "bona_fide", "attack", None,
    ]  # fmt: skip
    assert [folder_meaning(n) for n in ("original", "client", "1", "print", "Data")] == [None] * 5
    assert is_listed_bona_fide("bona-fide", "list")
    assert not is_listed_bona_fide("spoof", "list")
    with pytest.raises(InputError, match="list: '1' says neither"):
        is_listed_bona_fide("1", "list")
    assert [truth(w) for w in ("TRUE", "0", "1.0", "No", "maybe", "2")] == [
        True,
        False,
        True,
        False,
        None,
        None,
    ]
