"use strict";
/* Tables of class "data": a click on a head sorts, a text field filters, long tables open in steps. Without script all is shown. */
(() => {
  const STEP = 12, MANY = 8, PRINTED = 40;
  const value = cell => {
    const text = cell.textContent.trim();
    const number = cell.classList.contains("number") ? Number.parseFloat(text.replace(/[,%×\s]/g, "").replace("−", "-")) : NaN;
    return Number.isNaN(number) ? text.toLowerCase() : number;
  };
  const order = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  for (const table of document.querySelectorAll("table.data")) {
    const body = table.tBodies[0], rows = [...body.rows];
    if (rows.length < 2) continue;
    let wanted = "", limit = STEP;
    const title = table.caption ? table.caption.textContent.trim() : "table";
    const more = document.createElement("button");
    more.type = "button"; more.className = "more";
    const show = () => {
      const found = [...body.rows].filter(row => row.textContent.toLowerCase().includes(wanted));
      for (const row of body.rows) row.hidden = true;
      found.forEach((row, n) => { row.hidden = n >= limit; });
      more.hidden = found.length <= limit;
      more.dataset.rest = `and ${(found.length - limit).toLocaleString("en")} more rows`;
      more.textContent = `Show ${Math.min(found.length - limit, 500).toLocaleString("en")} more of ${found.length.toLocaleString("en")} rows`;
    };
    more.addEventListener("click", () => { limit += 500; show(); });
    for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
      const button = document.createElement("button");
      button.type = "button"; button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const rising = head.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", rising ? "ascending" : "descending");
        const keyed = [...body.rows].map(row => [value(row.cells[column]), row]);
        const missing = one => one[0] === "–" || one[0] === "";  // last, whichever way
        keyed.sort((a, b) => missing(a) - missing(b) || (rising ? order(a[0], b[0]) : order(b[0], a[0])));
        body.append(...keyed.map(pair => pair[1]));
        show();
      });
    }
    if (rows.length > MANY) {
      const label = document.createElement("label"), field = document.createElement("input");
      label.className = "filter"; label.textContent = "Rows with ";
      field.type = "search"; field.setAttribute("aria-label", `Show only rows of “${title.slice(0, 80)}” that contain`);
      field.addEventListener("input", () => { wanted = field.value.trim().toLowerCase(); limit = STEP; show(); });
      label.append(field);
      table.parentElement.before(label);
      table.parentElement.after(more);
      show();
      window.addEventListener("beforeprint", () => { const own = limit; limit = Math.max(limit, PRINTED); show(); limit = own; });
      window.addEventListener("afterprint", show);
    }
  }
})();
