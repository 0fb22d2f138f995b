// Keeps a part of a page true: asks for it again and again, often while something runs, and puts the new one in place.
(() => {
  "use strict";
  const BUSY = 2000; // milliseconds
  const CALM = 10000;
  const around = document.querySelector("[data-live-part]");

  function part() {
    return around.querySelector("#live-part");
  }

  async function refresh() {
    const answer = await fetch(`${around.dataset.livePart}${location.search}`, { credentials: "same-origin" });
    if (answer.redirected || answer.status === 403 || answer.status === 404) {
      location.reload();
      return;
    }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("#live-part");
    if (fresh && !part().contains(document.activeElement)) part().replaceWith(document.adoptNode(fresh));
  }

  async function turn() {
    if (!document.hidden) await refresh().catch(() => {}); // the server is away: the next turn tries again
    setTimeout(turn, part().dataset.busy === "yes" ? BUSY : CALM);
  }

  if (around) setTimeout(turn, BUSY);
})();
