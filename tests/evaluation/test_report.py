import html.parser
import io
import json
import math
import re
import sys
import xml.etree.ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from antispoof.errors import MissingExtraError
from antispoof.evaluation import VerificationScores, compare, cross_dataset, evaluate
from antispoof.evaluation.provenance import Provenance
from antispoof.evaluation.records import comparison_record, evaluation_record, matrix_record, to_json
from antispoof.evaluation.report import comparison_page, evaluation_page, matrix_page
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.tables import print_comparison, print_evaluation, print_matrix

Draw = Callable[..., ScoreSet]
MADE = Provenance(
    "antispoof evaluate 'my scores.csv'",
    {"my scores.csv": "ab" * 32},
    "2026-01-02 03:04:05 UTC",
    {"antispoof": "1"},
)
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Tags(html.parser.HTMLParser):
    """Fails on tags that do not nest, and keeps what a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, _tag: str, _: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


def read(page: str) -> str:
    parser = Tags()
    parser.feed(page)
    assert parser.open == []
    # It needs nothing from elsewhere.
    assert not re.search(r"src=|href=\"[^#]|url\([^#]|@import|<script|<image", page)
    for drawing in re.findall(r"<svg.*?</svg>", page, re.S):
        xml.etree.ElementTree.fromstring(drawing)
    return re.sub(r"\s+", " ", " ".join(parser.text)).replace("\u00a0", " ")


def printed(show: Callable[..., None], result: object, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(console, result)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def verification() -> VerificationScores:
    random = np.random.default_rng(0)
    target, nontarget, spoof = (random.normal(mean, 1, 200) for mean in (3.0, -3.0, 2.0))
    return VerificationScores(target, nontarget, spoof)


def test_the_evaluation_page_holds_everything(draw: Draw) -> None:
    result = evaluate(draw(), at="threshold=-1", verification=verification(), resamples=30)
    text = read(evaluation_page(result, MADE))
    for said in (
        "120 bona fide and 120 attack presentations of 2 species, 15 subjects",
        "Threshold -1, as given",
        "of the worst kind of attack (mask) pass",
        "Detection error trade-off",
        "min t-DCF",
        "ASVspoof 2019 (legacy)",
        "concurrent",
        "By gender",
        "FDR",
        "Reliability",
        "antispoof evaluate 'my scores.csv'",
        "ab" * 32,
        "seed 0",
        "legacy, not ISO conformant",
    ):
        assert said in text, said
    assert "simulated" not in text


def test_full_system_rates_are_shown_with_the_origin_of_their_threshold(draw: Draw) -> None:
    scores, trials = draw(), verification()
    with_ids = VerificationScores(
        trials.target[:50],
        trials.nontarget,
        trials.spoof[:50],
        tuple(scores.ids[scores.is_bona_fide][:50].tolist()),
        tuple(scores.ids[~scores.is_bona_fide][:50].tolist()),
    )
    result = evaluate(scores, verification=with_ids, resamples=0)
    assert "IAPAR" in read(evaluation_page(result, MADE))
    assert "IAPAR print (RIAPAR)" in printed(print_evaluation, result)
    assert any("--asv-threshold" in warning for warning in result.warnings)
    stated = evaluate(scores, verification=with_ids, verification_threshold=1.0, resamples=0)
    assert not any("--asv-threshold" in warning for warning in stated.warnings)
    assert "verification at threshold 1." in read(evaluation_page(stated, MADE))


def test_a_verification_system_without_t_dcf_leaves_the_rest_standing(draw: Draw) -> None:
    blind = VerificationScores(np.array([1.0, 2.0]), np.array([-1.0, 0.0]), np.array([-5.0]))
    result = evaluate(draw(), verification=blind, resamples=0)
    assert result.tandem is not None
    assert math.isnan(result.tandem.min_t_dcf_2019)
    assert "the t-DCF is not defined here" in read(evaluation_page(result, MADE))
    assert "accepts no attack at all" in printed(print_evaluation, result)
    assert json.loads(to_json(evaluation_record(result, MADE)))["tandem"]["min_t_dcf_2019"] is None


def test_simulated_data_is_marked_beside_every_heading_of_figures(draw: Draw) -> None:
    result = evaluate(draw(simulated=True), resamples=0)
    page = evaluation_page(result, MADE)
    headings = re.findall(r"<h[12]>.*?</h[12]>", page, re.S)
    assert all("simulated" in heading for heading in headings if "How this was made" not in heading)
    assert "120 of 240 presentations were simulated" in read(page)
    shown = printed(print_evaluation, result)
    assert shown.count("(simulated)") >= 3
    record = evaluation_record(result, MADE)
    assert record["simulated"] is True
    assert record["counts"]["simulated"] == 120


def test_names_from_a_file_cannot_inject_markup(tiny: Draw) -> None:
    evil = "<script>alert(1)</script>[bold]"
    scores = tiny([2.0, 1.0, -1.0, -2.0], ["", "", evil, "x"], age=[evil, "b", evil, "b"])
    result = evaluate(scores, resamples=0)
    assert evil in read(evaluation_page(result, MADE))
    assert evil in printed(print_evaluation, result, width=200)


@pytest.mark.parametrize(
    ("scores", "species"),
    [
        ([1.0, -1.0], ["", ""]),
        ([1.0, -1.0], ["print", "print"]),
        ([float("nan")] * 2, ["", "print"]),
        ([1.0, 1.0], ["", "print"]),
        ([1e300, -1e300], ["", "print"]),
    ],
)
def test_degenerate_sets_get_a_page_a_table_and_json(
    tiny: Draw, scores: list[float], species: list[str]
) -> None:
    result = evaluate(tiny(scores, species), at="threshold=0", resamples=10)
    read(evaluation_page(result, MADE))
    assert "0" in printed(print_evaluation, result)
    json.loads(to_json(evaluation_record(result, MADE)))


def test_json_holds_every_digit(draw: Draw) -> None:
    result = evaluate(draw(), verification=verification(), resamples=30)
    record = json.loads(to_json(evaluation_record(result, MADE)))
    assert record["figures"]["auc"]["value"] == result.figures["auc"].value
    assert record["figures"]["auc"]["interval"] == [
        result.figures["auc"].interval.low,
        result.figures["auc"].interval.high,
    ]
    assert record["figures"]["hter"] == {"value": None, "interval": None, "note": "needs a development set"}
    assert record["operating_point"]["threshold"] == result.operating_point.threshold
    assert record["species"][0]["apcer"]["errors"] == result.species[0].errors.errors
    assert record["tandem"]["t_eer_concurrent"] is not None
    assert record["curve"]["apcer"][0] == 1.0
    assert record["curve"]["apcer"][-1] == 0.0
    assert record["provenance"]["files"] == {"my scores.csv": "ab" * 32}


def test_comparison_page_table_and_json(draw: Draw) -> None:
    systems = {"ours": draw(), "theirs": draw(seed=1)}
    theirs = systems["theirs"]
    systems["theirs"] = ScoreSet.from_columns(
        systems["ours"].ids.tolist(), theirs.scores, systems["ours"].pai_species.decode(), name="theirs"
    )
    result = compare(systems, resamples=50)
    text = read(comparison_page(result, MADE))
    assert "theirs cannot be told apart from the baseline by D-EER" in text
    assert "Where decisions differ most from ours" in text
    shown = printed(print_comparison, result)
    assert "− baseline" in shown
    assert "theirs" in shown
    record = json.loads(to_json(comparison_record(result, MADE)))
    assert [system["name"] for system in record["systems"]] == ["ours", "theirs"]
    assert record["systems"][1]["minus_baseline"]["auc"]["value"] is not None


def test_matrix_page_table_and_json(tmp_path: Path, draw: Draw) -> None:
    for k, name in enumerate("ab"):
        draw(seed=k, simulated=True).write(tmp_path / f"{name}.csv")
    path = tmp_path / "manifest.csv"
    path.write_text("train,test,scores\nX,Y,a.csv\nY,X,b.csv\n")
    result = cross_dataset(path, resamples=0)
    assert "D-EER across datasets simulated data" in read(matrix_page(result, MADE))
    assert "(simulated)" in printed(print_matrix, result)
    record = json.loads(to_json(matrix_record(result, MADE)))
    assert result.overall is not None
    assert record["overall"]["worst"] == result.overall.worst
    assert len(record["cells"]) == 2
    draw(bona_fide=1).write(tmp_path / "b.csv")
    result = cross_dataset(path, resamples=0)
    for shown in (printed(print_matrix, result), read(matrix_page(result, MADE))):
        assert "‡ fewer than 4 bona fide or attack presentations: no rate, and in no mean" in shown
        assert "1 of 2 pairs hold fewer than 4 presentations of a class (Y → X: 1)" in " ".join(shown.split())
    draw(species={}).write(tmp_path / "b.csv")
    path.write_text("train,test,scores,dev\nX,Y,a.csv,a.csv\nY,X,b.csv,a.csv\n")
    result = cross_dataset(path, figure="d_eer", resamples=0)
    for shown in (printed(print_matrix, result), read(matrix_page(result, MADE))):
        assert "– ‡" in " ".join(shown.replace("‡", " ‡").split())
        assert "nan" not in shown
    assert json.loads(to_json(matrix_record(result, MADE)))["cells"][1]["value"] is None
    draw(bona_fide=1).write(tmp_path / "a.csv")
    result = cross_dataset(path, resamples=0)
    assert json.loads(to_json(matrix_record(result, MADE)))["overall"] is None
    assert "No pair holds enough presentations for a rate." in read(matrix_page(result, MADE))
    assert "unseen pairs" not in printed(print_matrix, result)


@pytest.mark.parametrize("absent", [("jinja2", "markupsafe"), ("matplotlib", "matplotlib.figure")])
def test_the_report_without_its_extra_names_it(
    draw: Draw, monkeypatch: pytest.MonkeyPatch, absent: tuple[str, str]
) -> None:
    for name in absent:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[report\]"):
        evaluation_page(evaluate(draw(), resamples=0), MADE)


def test_provenance_digests_files(tmp_path: Path) -> None:
    path = tmp_path / "a b.csv"
    path.write_text("x")
    made = Provenance.of(["antispoof", "evaluate", "a b.csv"], [path])
    assert made.command == "antispoof evaluate 'a b.csv'"
    assert made.files[str(path)].startswith("2d711642b726b04401627ca9fbac32f5")
    assert set(made.versions) == {"antispoof", "python", "numpy"}
