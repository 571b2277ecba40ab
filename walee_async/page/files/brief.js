// The brief in words, and the overview's figures.

const listed = (words, last = "or") => words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;

// Bands that follow each other become one span: 18–24 and 25–34 are 18–34.
function ageSpans(codes) {
  const all = ["13-17", "18-24", "25-34", "35-44", "45-64", "65-"];
  const spans = [];
  let before = -2;
  for (const place of codes.map((code) => all.indexOf(code)).sort((a, b) => a - b)) {
    if (place === before + 1) spans.at(-1)[1] = all[place];
    else spans.push([all[place], all[place]]);
    before = place;
  }
  return spans.map(([first, last]) => {
    const end = last.split("-")[1];
    return end ? `${first.split("-")[0]}–${end}` : `${first.split("-")[0]} and over`;
  });
}

function audienceWanted(brief) {
  const genders = brief.genders.map((gender) => (gender === "FEMALE" ? "women" : "men"));
  const parts = [genders.length === 1 ? genders[0] : "people"];
  if (brief.ages.length) parts.push(`aged ${listed(ageSpans(brief.ages))}`);
  if (brief.countries.length) parts.push(`in ${listed(brief.countries.map(country))}`);
  if (brief.languages.length) parts.push(`who use ${listed(brief.languages.map(language))}`);
  const named = brief.genders.length || brief.ages.length || brief.countries.length || brief.languages.length;
  return named ? title(parts.join(" ")) : "No target audience; all that is well made";
}

function followersWanted({ min, max }) {
  if (known(min) && known(max)) return `${big(min)} to ${big(max)} followers`;
  if (known(min)) return `at least ${big(min)} followers`;
  return known(max) ? `at most ${big(max)} followers` : null;
}

function insistedOn(brief) {
  const { require } = brief;
  return [
    followersWanted(brief.followers),
    known(require.min_quality) && `quality score of at least ${require.min_quality}`,
    known(require.min_engagement_percentile) && `engagement above ${require.min_engagement_percentile} % of its tier`,
    known(require.min_target_share) && `at least ${percent(require.min_target_share)} of the audience on target`,
    known(require.min_reachable_share) && `at least ${percent(require.min_reachable_share)} of the audience reachable`,
    known(require.max_days_since_post) && `a post within ${require.max_days_since_post} days`,
    ...require.no_flags.map((flag) => `no flag ${plain(flag)}`),
  ].filter(Boolean);
}

function weighed(brief) {
  const named = audienceNamed(brief);
  const weights = Object.entries(brief.weights).filter(([name, weight]) => weight && (named || name !== "audience_fit"));
  const sum = weights.reduce((total, [, weight]) => total + weight, 0);
  return weights.sort((a, b) => b[1] - a[1]).map(([name, weight]) => `${plain(name)} ${Math.round((100 * weight) / sum)}\u00a0%`).join(", ");
}

const audienceNamed = (brief) => [brief.genders, brief.ages, brief.countries, brief.languages].some((part) => part.length);

function drawBrief() {
  const { brief } = facts, { grades, require } = brief;
  const insisted = insistedOn(brief);
  const penalties = Object.entries(brief.penalties).filter(([, taken]) => taken);
  const rowsOf = [
    ["Audience", audienceWanted(brief)],
    ["Must have", insisted.length ? title(insisted.join("; ")) : "Nothing in particular"],
    ["Weighed", title(weighed(brief))],
    ["Looked at first", title([...require.review_flags.filter((flag) => !require.no_flags.includes(flag)).map(plain), `data for less than ${percent(grades.approve_coverage)} of the weight`].join(", "))],
    penalties.length ? ["Flags cost", title(penalties.map(([name, taken]) => `${plain(name)} ${taken} points`).join(", "))] : null,
    ["Grades", `Approve from ${grades.approve}, review from ${grades.review}, with data for ${percent(grades.min_coverage)} of the weight`],
  ].filter(known);
  byId("brief").append(
    el("h2", {}, "The brief"),
    brief.name ? el("p", { class: "briefname" }, own(brief.name)) : "",
    el("dl", {}, ...rowsOf.flatMap(([name, told]) => [el("dt", {}, name), el("dd", {}, told)])),
  );
}

function gradeCounts() {
  const counts = Object.fromEntries(GRADES.map((grade) => [grade, 0]));
  if (facts.about.grades) Object.assign(counts, facts.about.grades);
  else for (const row of rows) counts[row.grade] += 1;
  return counts;
}

function gradeBar(counts, total) {
  let at = 0;
  const parts = GRADES.map((grade) => {
    const width = total ? (1000 * counts[grade]) / total : 0;
    const part = svg("rect", { class: `fill ${grade}`, x: at, y: 0, width: counts[grade] ? Math.max(2, width - 3) : 0, height: 12 });
    at += width;
    return part;
  });
  return svg("svg", { class: "gradebar", viewBox: "0 0 1000 12", preserveAspectRatio: "none", "aria-hidden": "true" }, ...parts);
}

const figure = (name, value, told) => el("div", { class: "figure" }, el("dt", {}, name), el("dd", {}, el("strong", {}, value), told ? el("span", {}, told) : ""));

function spendFigure({ bought, ambiguous, price }) {
  const doubts = ambiguous ? `; ${whole(ambiguous)} more may have been bought` : "";
  const money = (amount) => amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return known(price)
    ? figure("Spent", money(bought * price), `${plural(bought, "report")} at ${price}${doubts}`)
    : figure("Reports bought", whole(bought), `what one costs is ${UNKNOWN}${doubts}`);
}

function drawFigures() {
  const counts = gradeCounts();
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const { unreadable = 0, spend } = facts.about;
  const middle = [...rows].map((row) => row.coverage).sort((a, b) => a - b)[rows.length >> 1];
  const below = total > rows.length ? `the best ${whole(rows.length)} of them are here` : "all of them are here";
  byId("figures").append(
    el("h2", {}, "Scored"),
    el("dl", { class: "kpis" },
      figure("Creators scored", whole(total), unreadable ? `${below}; ${plural(unreadable, "report")} cannot be read` : below),
      figure("Median coverage", known(middle) ? percent(middle) : UNKNOWN, "of the weight had data, of those here"),
      spend ? spendFigure(spend) : figure("Spent", UNKNOWN, ""),
    ),
    gradeBar(counts, total),
    el("ul", { class: "grades" }, ...GRADES.map((grade) => el("li", {}, gradeChip(grade), " ",
      el("strong", {}, whole(counts[grade])), el("span", { class: "muted" }, total ? ` ${percent(counts[grade] / total)}` : "")))),
  );
}
