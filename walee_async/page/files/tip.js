// One tooltip for all: on hover and on focus, away with Escape. It repeats what screen readers are told elsewhere.

function showTip(text, { left, top, bottom }) {
  const tip = byId("tip");
  tip.textContent = text;
  tip.hidden = false;
  if (tip.showPopover && !tip.matches(":popover-open")) tip.showPopover();
  const { width, height } = tip.getBoundingClientRect();
  const over = bottom + height + 8 > window.innerHeight;
  tip.style.left = `${Math.max(8, Math.min(left, window.innerWidth - width - 8))}px`;
  tip.style.top = `${over ? Math.max(8, top - height - 6) : bottom + 6}px`;
}

function hideTip() {
  const tip = byId("tip");
  if (tip.hidden) return;
  if (tip.hidePopover && tip.matches(":popover-open")) tip.hidePopover();
  tip.hidden = true;
}

function watchTips() {
  const tip = byId("tip");
  if ("popover" in HTMLElement.prototype) tip.popover = "manual";
  const show = (event) => {
    const target = event.target.closest?.("[data-tip]");
    if (target) showTip(target.dataset.tip, target.getBoundingClientRect());
    else if (!event.target.closest?.("#tip, canvas")) hideTip();
  };
  document.addEventListener("mouseover", show);
  document.addEventListener("focusin", show);
  document.addEventListener("focusout", hideTip);
  document.addEventListener("scroll", hideTip, { passive: true, capture: true });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || tip.hidden) return;
    hideTip();
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true });
}
