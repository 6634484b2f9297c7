/** What this browser remembers: the runs that were started in it, and those that its user has hidden. */

const MOST = 60;

/** @returns {{id: string, label: string}[]} Newest first. */
export function rememberedRuns() {
  return read("shop.runs");
}

export function remember(id, label) {
  write("shop.runs", [{ id, label }, ...rememberedRuns().filter((run) => run.id !== id)]);
}

export function forget(id) {
  write("shop.runs", rememberedRuns().filter((run) => run.id !== id));
}

export function hide(id) {
  write("shop.hidden", [id, ...read("shop.hidden")]);
}

export function isHidden(id) {
  return read("shop.hidden").includes(id);
}

function read(key) {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return []; // Storage is off, or somebody else wrote there.
  }
}

function write(key, list) {
  try {
    localStorage.setItem(key, JSON.stringify(list.slice(0, MOST)));
  } catch {
    // Without storage the page works; it only forgets.
  }
}
