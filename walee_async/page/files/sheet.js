// One creator: what its score is made of, and what its report says. What the report does not say is not known, never zero.

const NUMBERS = { avg_views: "Views a post", avg_likes: "Likes a post", avg_comments: "Comments a post", avg_posts4w: "Posts in 4 weeks" };
const SCALED = "creator_quality_score"; // of 100; the scale of its six parts is not published
const REACH = { "-500": "fewer than 500 accounts", "500-1000": "500 to 1,000", "1000-1500": "1,000 to 1,500", "1500-": "more than 1,500" };

const card = (heading, ...content) => el("section", { class: "card" }, el("h3", {}, heading), ...content);

function sheetHead(row, sheet, level) {
  const handle = row.handle;
  const linked = /^[A-Za-z0-9_.]{1,64}$/.test(handle ?? "");
  const link = linked
    ? el("a", { href: `https://www.tiktok.com/@${handle}`, target: "_blank", rel: "noopener noreferrer" }, own(`@${handle}`), el("span", { class: "unseen" }, " on TikTok, in a new tab"))
    : handle ? own(`@${handle}`) : unknown();
  const about = [
    row.country ? own(country(row.country)) : el("span", {}, "country ", unknown()),
    row.tier ? `tier ${tierName(row.tier)}` : el("span", {}, "tier ", unknown()),
    sheet.created ? `report of ${day(sheet.created)}` : el("span", {}, "report date ", unknown()),
  ];
  return el("header", { class: "sheethead" },
    el("div", {}, el(level, { class: "name", tabindex: "-1" }, own(nameOf(row))),
      el("p", { class: "muted" }, link, ...about.flatMap((part) => [" · ", part])),
      el("p", { class: "told" }, sheet.explanation.replace(/^./, (first) => first.toUpperCase()))),
    el("div", { class: "verdict" }, gradeChip(row.grade),
      known(row.value) ? el("p", { class: "score" }, el("strong", {}, points(row.value)), el("span", { class: "muted" }, " of 100")) : el("p", { class: "score" }, unknown()),
      known(row.low) ? el("p", { class: "muted" }, `from ${points(row.low)} to ${points(row.high)}`) : "",
      el("p", { class: "muted" }, `${percent(row.coverage)} of the weight had data`)));
}

function partsTable(row, sheet) {
  const given = new Map(sheet.contributions.map(([name, share, gives]) => [name, [share, gives]]));
  const lines = sheet.components.map(([name, value, why]) => {
    const [share, gives] = given.get(name) ?? [null, null];
    given.delete(name);
    const cells = known(value) ? [
      el("td", { class: "bars" }, el("span", { class: "value" }, points(value, 0)), meter(value)),
      el("td", { class: "number" }, known(share) ? percent(share) : el("span", { class: "muted" }, "none")),
      el("td", { class: "number" }, known(gives) ? `+${points(gives, 2)}` : ""),
    ] : [el("td", { colspan: 3 }, unknown(why))];
    return el("tr", {}, el("th", { scope: "row" }, title(name)), ...cells);
  });
  const taken = [...given].map(([name, [, gives]]) => el("tr", {}, el("th", { scope: "row" }, `Flag: ${plain(name)}`), el("td", {}), el("td", {}), el("td", { class: "number" }, points(gives, 2))));
  const sum = el("tr", { class: "sum" }, el("th", { scope: "row", colspan: 3 }, "Score"), el("td", { class: "number" }, known(row.value) ? points(row.value, 2) : unknown()));
  return card("What the score is made of", el("div", { class: "scrolled" }, el("table", { class: "parts" },
    el("thead", {}, el("tr", {}, ...[["Part", ""], ["Points of 100", ""], ["Weight", "number"], ["Gives", "number"]].map(([name, kind]) => el("th", { scope: "col", class: kind || null }, name)))),
    el("tbody", {}, ...lines, ...taken, sum))));
}

function keyFigures(row, sheet) {
  const pairs = [
    ["Followers", big(row.followers)], ["Growth a month", percent(row.growth, { signed: true })],
    ["Likes per follower", percent(row.rate)], ["Engagement percentile", known(row.percentile) ? `${points(row.percentile, 0)} of 100` : UNKNOWN],
    ["Audience on target", percent(row.target)], ...sheet.numbers.map(([name, value]) => [NUMBERS[name], big(value)]),
  ];
  return card("Key figures", el("dl", { class: "pairs" }, ...pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, shown(value))))));
}

function warnings(row, sheet) {
  const flags = row.flags.map(([name, reason]) => el("li", {}, el("strong", {}, title(name)), `: ${reason}`));
  const marks = { met: "✓", "not met": "✕" };
  const asked = (sheet.requirements ?? []).map(([reason, word]) =>
    el("li", {}, el("span", { class: `mark ${word.replaceAll(" ", "-")}`, "aria-hidden": "true" }, marks[word] ?? "?"), el("strong", {}, `${title(word)}: `), reason));
  return card("Flags and requirements",
    flags.length ? el("ul", { class: "list" }, ...flags) : el("p", { class: "muted" }, "No flag is raised."),
    asked.length ? el("ul", { class: "list" }, ...asked) : el("p", { class: "muted" }, insistedOn(facts.brief).length ? "All that the brief insists on is met." : "The brief insists on nothing."));
}

function monthChart(sheet, heading, field) {
  const months = sheet.months ?? [];
  const there = months.filter((one) => known(one[field]));
  if (there.length < 2) return missing(heading);
  const [first, last] = [there[0], there.at(-1)];
  return chart({
    kind: "line", height: 130, heading, values: months.map((one) => ({ at: month(one.month).replace(" ", "\u00a0"), count: one[field] ?? null })),
    told: `${heading}: ${big(first[field])} in ${month(first.month)}, ${big(last[field])} in ${month(last.month)}`,
    table: [["Month", heading], ...months.map((one) => [month(one.month), big(one[field])])],
  });
}

function pyramid(sheet) {
  const heading = "Audience by age and gender";
  const ages = sheet.pyramid ?? [];
  if (!ages.some(([, male, female]) => known(male) || known(female))) return missing(heading);
  const values = [...ages].reverse().flatMap(([age, male, female]) => [
    { age: ageName(age), gender: "female", share: known(female) ? -female : null }, { age: ageName(age), gender: "male", share: male ?? null }]);
  const sum = (place) => ages.reduce((total, line) => total + (line[place] ?? 0), 0);
  return chart({
    kind: "pyramid", height: 150, heading, values, key: colourKey(["female", `Women ${percent(sum(2))}`], ["male", `Men ${percent(sum(1))}`]),
    told: `Audience by age and gender: ${ages.map(([age, male, female]) => `${ageName(age)}: women ${percent(female)}, men ${percent(male)}`).join("; ")}`,
    table: [["Age", "Women", "Men"], ...ages.map(([age, male, female]) => [ageName(age), percent(female), percent(male)])],
  });
}

function shares(heading, pairs, name) {
  if (!pairs?.length) return missing(heading);
  const most = Math.max(...pairs.map(([, share]) => share ?? 0), 0.01);
  return card(heading, el("table", { class: "bars" }, el("thead", { class: "unseen" }, el("tr", {}, el("th", { scope: "col" }, "Which"), el("th", { scope: "col" }, "Share"))),
    el("tbody", {}, ...pairs.map(([code, share]) => el("tr", {}, el("th", { scope: "row" }, own(name(code))),
      el("td", {}, el("span", { class: "value" }, shown(percent(share))), meter((100 * (share ?? 0)) / most)))))));
}

function histogram(row, sheet) {
  const heading = "Engagement among peers";
  const buckets = sheet.histogram ?? [];
  if (!buckets.some((bucket) => bucket.total)) return missing(heading, "the report has no histogram of the tier");
  const least = (place) => buckets[place].min ?? buckets[place - 1]?.max ?? 0;
  const most = (place) => buckets[place].max ?? buckets[place + 1]?.min ?? Infinity;
  const here = known(row.rate) ? buckets.findIndex((_, place) => row.rate >= least(place) && row.rate < most(place)) : -1;
  const values = buckets.map((bucket, place) => ({ place, total: bucket.total ?? null, what: place === here ? "here" : bucket.median ? "median" : "other" }));
  const every = Math.ceil(buckets.length / 5);
  const labels = buckets.map((_, place) => (place % every ? "" : percent(least(place))));
  const median = buckets.findIndex((bucket) => bucket.median);
  const place = known(row.percentile) ? `above ${points(row.percentile, 0)} % of its tier` : "place among its tier not known";
  const told = `${known(row.rate) ? `This creator has ${percent(row.rate)} likes per follower` : "This creator's rate is not known"}, ${place}.`;
  return chart({
    kind: "histogram", height: 130, heading, values, labels,
    key: colourKey(...(here < 0 ? [] : [["here", `this creator, ${percent(row.rate)}`]]), ...(median < 0 || median === here ? [] : [["median", "the tier's median"]])),
    told: `Engagement rates of the tier as a histogram. ${told}`,
    table: [["Likes per follower", "Creators", ""], ...buckets.map((bucket, at) => [
      most(at) === Infinity ? `${percent(least(at))} and more` : `${percent(least(at))} – ${percent(most(at))}`, known(bucket.total) ? whole(bucket.total) : UNKNOWN,
      [at === here ? "this creator" : "", bucket.median ? "median" : ""].filter(Boolean).join(", ")])],
  });
}

function posts(sheet) {
  const heading = "Recent posts";
  const made = [...(sheet.posts ?? [])].reverse();
  if (!made.some((post) => known(post.views) || known(post.likes))) return missing(heading);
  const seen = made.map((post) => post.views).filter(known);
  const values = made.flatMap((post, place) => [{ place, what: "views", count: post.views ?? null }, { place, what: "likes", count: post.likes ?? null }]);
  const every = Math.ceil(made.length / 5);
  const labels = made.map((post, place) => (place % every || !post.day ? "" : day(post.day).replace(/ \d{4}$/, "")));
  return chart({
    kind: "posts", height: 130, heading, values, labels, key: colourKey(["bar", "views"], ["here", "likes"]),
    told: `Views and likes of the last ${plural(made.length, "post")}; views ${seen.length ? `from ${big(Math.min(...seen))} to ${big(Math.max(...seen))}` : UNKNOWN}`,
    table: [["Day", "Views", "Likes", "Comments"], ...made.map((post) => [day(post.day), big(post.views), big(post.likes), big(post.comments)])],
  });
}

function quality(sheet) {
  const heading = "The gateway's quality marks";
  if (!sheet.quality?.length) return missing(heading);
  return card(heading, el("table", { class: "bars" }, el("thead", { class: "unseen" }, el("tr", {}, ...["Mark", "Value", "In a word"].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, ...sheet.quality.map(([name, value, word]) => el("tr", {}, el("th", { scope: "row" }, title(name)),
      el("td", {}, el("span", { class: "value" }, known(value) ? String(value) : unknown()), known(value) && name === SCALED ? meter(value) : ""), el("td", { class: "muted" }, own(word ?? "")))))));
}

// The parts of a sheet; `drawn` of the result is when its charts are there.
function sheetParts(row, sheet, level = "h2") {
  const charts = [
    monthChart(sheet, "Followers", "followers"), monthChart(sheet, "Likes a post", "likes"), histogram(row, sheet), posts(sheet), pyramid(sheet),
  ];
  const parts = el("div", { class: "sheetparts" }, partsTable(row, sheet), keyFigures(row, sheet), warnings(row, sheet), ...charts,
    shares("Where the audience is", sheet.countries, country), shares("What it speaks", sheet.languages, language),
    shares("How many accounts it follows", sheet.reach, (code) => REACH[code] ?? code), quality(sheet));
  const whole = el("div", { class: "sheetbody" }, sheetHead(row, sheet, level), parts);
  whole.drawn = Promise.all(charts.map((one) => one.drawn));
  return whole;
}
