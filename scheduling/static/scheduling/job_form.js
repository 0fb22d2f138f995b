// A click on an example fills in the schedule; the preview listens to the same events as for typing.
(() => {
  "use strict";
  document.addEventListener("click", (event) => {
    const chip = event.target.closest(".rota-chip");
    if (!chip) return;
    const form = document.getElementById("job_form");
    form.querySelector(`[name=trigger][value=${chip.dataset.trigger}]`).checked = true;
    for (const name of ["cron", "interval"]) {
      form.elements[name].value = chip.dataset[name];
    }
    form.elements[chip.dataset.trigger].dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
