"""Scoring: how well a creator suits a brief, why, and what to look at twice.

- brief.py, files.py: the brief, its weights, requirements and limits; from keywords, TOML or JSON
- view.py: the small part of a report that scoring reads
- engagement.py, fit.py, components.py: the seven components, 0 to 100 points each
- flags.py, requirements.py: what is suspicious, and what the brief insists on
- scorer.py, result.py, ranking.py: the score, its grade and explanation, and the order of many
- notebook.py: how notebooks show them
"""

from __future__ import annotations

from walee_async.scoring.brief import FLAGS, Brief
from walee_async.scoring.component import Component, Fact
from walee_async.scoring.files import read_brief
from walee_async.scoring.flags import Flag
from walee_async.scoring.ranking import Top, rank
from walee_async.scoring.requirements import Requirement
from walee_async.scoring.result import SCORING_VERSION, Contribution, Grade, Score
from walee_async.scoring.scorer import score
from walee_async.scoring.view import Scorable, ScoreView

__all__ = [
    "FLAGS",
    "SCORING_VERSION",
    "Brief",
    "Component",
    "Contribution",
    "Fact",
    "Flag",
    "Grade",
    "Requirement",
    "Scorable",
    "Score",
    "ScoreView",
    "Top",
    "rank",
    "read_brief",
    "score",
]
