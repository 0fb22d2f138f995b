// A click on an example fills in the expression; a click on "Go there" marks the mistake in it.
(() => {
  "use strict";
  document.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-expression], [data-select]");
    if (!chip) return;
    const field = document.getElementById("id_expression");
    field.focus();
    if (chip.dataset.select) {
      field.setSelectionRange(...chip.dataset.select.split(" ").map(Number));
      return;
    }
    field.value = chip.dataset.expression;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
