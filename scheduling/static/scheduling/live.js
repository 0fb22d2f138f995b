// Follows a run: asks every second for what is new in its log and how long it has taken, and shows the whole page anew when it ends.
(() => {
  "use strict";
  const EVERY = 1000; // milliseconds
  const run = document.querySelector("[data-live]");
  const log = document.getElementById("run-log");
  const first = run?.dataset.state;
  let after = run?.dataset.after;

  function atEnd() {
    return log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  }

  function show(news) {
    const follow = atEnd();
    if (news.text) {
      log.append(news.text); // as text: never read as HTML
      log.hidden = false;
      document.getElementById("run-silent").hidden = true;
    }
    if (follow) log.scrollTop = log.scrollHeight;
    const bar = document.getElementById("run-progress");
    bar.hidden = news.percent === null && !news.progress;
    const meter = bar.querySelector("progress");
    if (news.percent === null) meter.removeAttribute("value");
    else meter.value = news.percent;
    bar.querySelector("span").textContent =
      [news.percent === null ? "" : `${news.percent} %`, news.progress].filter(Boolean).join(" · ");
  }

  function tick(news) {
    document.getElementById("run-took").textContent = news.took;
    for (const [name, share, words] of news.timeline) {
      const stretch = `.rota-stretch-${name.replaceAll(" ", "-")}`;
      const drawn = document.querySelector(`.rota-timeline ${stretch}`);
      if (!drawn) continue; // one that has just begun is drawn with the next page
      drawn.style.flex = `${share} 0 0`;
      drawn.title = `${name} ${words}`;
      document.querySelector(`.rota-legend ${stretch} b`).textContent = words;
    }
    const told = news.timeline.map(([name, , words]) => `${name} ${words}`);
    document.querySelector(".rota-timeline").setAttribute("aria-label", told.join(", "));
  }

  async function follow() {
    const answer = await fetch(`${run.dataset.live}?after=${after}`, { credentials: "same-origin" });
    if (answer.redirected || answer.status === 403 || answer.status === 404) {
      location.reload();
      return;
    }
    const news = await answer.json();
    after = news.last;
    show(news);
    tick(news);
    if (news.more) await follow();
    else if (news.final || news.state !== first) location.reload();
  }

  async function turn() {
    if (!document.hidden) await follow().catch(() => {}); // the server is away: the next turn tries again
    setTimeout(turn, EVERY);
  }

  if (log) log.scrollTop = log.scrollHeight;
  if (run) setTimeout(turn, EVERY / 4);
})();
