// Follows a run: asks for what is new in its log every second, and shows the whole page anew when it ends.
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

  async function follow() {
    const answer = await fetch(`${run.dataset.live}?after=${after}`, { credentials: "same-origin" });
    if (answer.redirected || answer.status === 403 || answer.status === 404) {
      location.reload();
      return;
    }
    const news = await answer.json();
    after = news.last;
    show(news);
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
