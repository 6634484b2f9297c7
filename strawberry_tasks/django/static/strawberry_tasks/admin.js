// Keeps what the admin shows of runs up to date, for as long as somebody looks and something goes on.

const PAUSE = 2000;
const LIVE = '.task-state:is([data-state="pending"], [data-state="running"], [data-state="retrying"])';
const PARTS = [".field-state", ".field-bar", ".field-attempt", ".field-took", ".field-timeline", ".field-failure", ".field-traceback", ".field-result_json"];

function update(before, after) {
  for (const part of PARTS) {
    const place = before.querySelector(part);
    const news = after.querySelector(part);
    if (place && news && place.innerHTML !== news.innerHTML) place.innerHTML = news.innerHTML;
  }
}

function rowsById(root) {
  const rows = root.querySelectorAll("#result_list tbody tr");
  return new Map([...rows].map((row) => [row.querySelector("input.action-select")?.value ?? row.querySelector("th a")?.href, row]));
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = rowsById(page);
  if (document.querySelector("#result_list")) {
    for (const [id, row] of rowsById(document)) if (fresh.has(id)) update(row, fresh.get(id));
  } else {
    update(document, page);
    if (!page.querySelector(LIVE)) document.querySelector(".task-controls")?.replaceWith(page.querySelector(".task-controls") ?? "");
  }
}

async function watch() {
  if (!document.hidden && document.querySelector(LIVE)) {
    try {
      await refresh();
    } catch {
      // The server is away; it is asked again.
    }
  }
  setTimeout(watch, PAUSE);
}

setTimeout(watch, PAUSE);
