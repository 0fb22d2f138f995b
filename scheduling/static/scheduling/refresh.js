// Fetches this page again every few seconds and puts the new part in place; rests while nobody looks.
(() => {
  "use strict";
  const EVERY = 4000; // milliseconds

  async function refresh() {
    const old = document.querySelector("[data-refresh]");
    if (!old || document.hidden) return;
    const answer = await fetch(location.href, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-refresh]");
    if (!fresh) {
      location.reload();
      return;
    }
    for (const details of old.querySelectorAll("details[open]")) {
      fresh.querySelector(`details[data-name="${details.dataset.name}"]`)?.setAttribute("open", "");
    }
    const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
    old.replaceWith(document.adoptNode(fresh));
    if (focused) document.querySelector(`[data-refresh] a[href="${focused}"]`)?.focus({ preventScroll: true });
  }

  async function turn() {
    await refresh().catch(() => {}); // the server is away: the next turn tries again
    setTimeout(turn, EVERY);
  }
  setTimeout(turn, EVERY);
})();
