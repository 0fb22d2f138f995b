// Keeps a part of a page true: asks for it again and again, often while something runs, and puts the new one in place.
// What has bytes tells its speed, on the average since this page was opened.
(() => {
  "use strict";
  const BUSY = 2000; // milliseconds
  const CALM = 10000;
  const around = document.querySelector("[data-live-part]");

  const first = new Map(); // of each thing that has bytes: how many there were, and when

  function tellSpeeds() {
    for (const each of around.querySelectorAll("[data-bytes]")) {
      const seen = { bytes: Number(each.dataset.bytes), at: performance.now() };
      const before = first.get(each.dataset.of);
      if (!before || seen.bytes < before.bytes) first.set(each.dataset.of, seen);
      else if (seen.bytes > before.bytes) {
        const speed = (seen.bytes - before.bytes) / (seen.at - before.at); // bytes a millisecond: kB a second
        each.textContent = ` · ${speed < 1000 ? `${speed.toFixed(0)} kB` : `${(speed / 1000).toFixed(1)} MB`} a second`;
      }
    }
  }

  function part() {
    return around.querySelector("#live-part");
  }

  function addressOf(element) {
    return element.getAttribute("href") ?? element.form?.getAttribute("action");
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
    if (!fresh) return;
    const held = part().contains(document.activeElement) ? addressOf(document.activeElement) : null;
    part().replaceWith(document.adoptNode(fresh));
    tellSpeeds();
    if (held) [...part().querySelectorAll("a, button")].find((each) => addressOf(each) === held)?.focus({ preventScroll: true });
  }

  async function turn() {
    if (!document.hidden) await refresh().catch(() => {}); // the server is away: the next turn tries again
    setTimeout(turn, part().dataset.busy === "yes" ? BUSY : CALM);
  }

  if (around) tellSpeeds();
  if (around) setTimeout(turn, BUSY);
})();
