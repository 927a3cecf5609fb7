"use strict";
// The table is asked for again every two seconds, and replaced only where it changed, so that a reader who is in
// it is not thrown out. A tab that nobody looks at asks for nothing.
const place = document.getElementById("sessions");
let shown = "";
function show(fresh) {
  const parts = ["[role=status]", "tbody"].map((name) => [place.querySelector(name), fresh.querySelector(name)]);
  if (parts.every(([old, now]) => old && now)) {
    // What has the focus stays, and a screen reader is told of the number only.
    parts.forEach(([old, now]) => old.replaceChildren(...now.childNodes));
  } else {
    place.replaceChildren(...fresh.childNodes);
  }
}
async function refresh() {
  if (!document.hidden) {
    try {
      const answer = await fetch("/sessions", { cache: "no-store" });
      const table = (await answer.text()).trim();
      if (answer.ok && table !== shown) {
        shown = table;
        show(new DOMParser().parseFromString(table, "text/html").body);
      }
    } catch {
      // The console was ended; the page stays as it was last.
    }
  }
  setTimeout(refresh, 2000);
}
setTimeout(refresh, 2000);
