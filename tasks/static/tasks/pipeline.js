// Keeps the state of the pipeline true: asks for it again and again, and shows the whole page anew when a run begins or ends.
(() => {
  "use strict";
  const BUSY = 1500; // milliseconds
  const CALM = 10000;
  const panel = document.querySelector("[data-pipeline]");

  function state() {
    return panel.querySelector("#pipeline-state");
  }

  async function refresh() {
    const answer = await fetch(panel.dataset.pipeline, { credentials: "same-origin" });
    if (answer.redirected || answer.status === 403) {
      location.reload();
      return;
    }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("#pipeline-state");
    if (!fresh) return;
    if (fresh.dataset.status !== state().dataset.status) location.reload();
    else if (!state().contains(document.activeElement)) state().replaceWith(document.adoptNode(fresh));
  }

  async function turn() {
    if (!document.hidden) await refresh().catch(() => {}); // the server is away: the next turn tries again
    setTimeout(turn, state().dataset.status === "running" ? BUSY : CALM);
  }

  if (panel) setTimeout(turn, BUSY);
})();
