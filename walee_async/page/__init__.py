"""The shortlist as one page: a single HTML file that needs no server, no network and no install.

- creator.py: what the page shows of one creator; text.py: strangers' texts and numbers, made fit for it
- pack.py: data and scripts as they stand in the file; document.py: the file, and what it permits itself
- files/: the page's own HTML, CSS and JavaScript; vendor/: Vega and Vega-Lite, with their licences and hashes
"""

from __future__ import annotations

from walee_async.page.document import MARK, About, Spend, check_extra, render

__all__ = ["MARK", "About", "Spend", "check_extra", "render"]
