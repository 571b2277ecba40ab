// The panel of a creator, as a dialog: the browser keeps the focus inside, and Escape leaves.

let opened = null;

async function openPanel(row) {
  const panel = byId("panel");
  opened = row;
  const sheet = await sheetOf(row);
  if (opened !== row) return;
  const body = sheetParts(row, sheet);
  body.querySelector(".name").id = "panel-title";
  panel.replaceChildren(panelBar(row), body);
  if (!panel.open) panel.showModal();
  panel.scrollTop = 0;
  panel.querySelector(".name").focus({ preventScroll: true });
}

function panelBar(row) {
  const at = selected.indexOf(row);
  const step = (label, to, key) => el("button", { type: "button", disabled: at < 0 || !selected[to], click: () => openPanel(selected[to]), "aria-keyshortcuts": key }, label);
  const box = el("input", { type: "checkbox", change: () => { pick(row, box.checked); box.checked = picked.has(row); } });
  box.checked = picked.has(row);
  box.disabled = !box.checked && picked.size >= COMPARED;
  return el("div", { class: "bar panelbar" },
    el("div", { class: "actions" }, step("Previous", at - 1, "ArrowLeft"), step("Next", at + 1, "ArrowRight"), at < 0 ? "" : el("span", { class: "muted" }, `${whole(at + 1)} of ${whole(selected.length)}`)),
    el("div", { class: "actions" }, el("label", {}, box, " Compare"), el("button", { type: "button", click: () => window.print() }, "Print"),
      el("button", { type: "button", class: "close", click: () => byId("panel").close() }, "Close")));
}

function watchDialogs() {
  const panel = byId("panel");
  panel.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey || event.target.closest("select, input, .scrolled")) return;
    const next = selected[selected.indexOf(opened) + step];
    if (selected.includes(opened) && next) openPanel(next);
  });
  panel.addEventListener("close", () => {
    const back = opened && document.querySelector(`.open[data-rank="${opened.rank}"]`);
    opened = null;
    panel.replaceChildren();
    back?.focus();
  });
  for (const dialog of [panel, byId("compare")]) {
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("scroll", hideTip, { passive: true });
  }
  byId("compare").addEventListener("close", () => byId("compare").replaceChildren());
}
