/** The page: its forms start runs, its list watches them. */

import { bytes } from "./elements.js";
import { GraphQLSocket } from "./graphql-ws.js";
import { forget, hide, isHidden, remember, rememberedRuns } from "./memory.js";
import { summaryOf } from "./results.js";
import { RunCard } from "./run-card.js";
import { findRun, recentRuns, startImport, startReport, startSync, watchIds, watchRun } from "./tasks.js";

const $ = (id) => document.getElementById(id);
const cards = new Map();
const arriving = new Set();
const isSignedIn = document.body.dataset.viewer !== "";

const address = new URL(document.body.dataset.graphql, location.href);
address.protocol = address.protocol.replace("http", "ws");
const socket = new GraphQLSocket(address);

/** Put a run into the list, and watch it until it has ended. */
function show(run, label = labelOf(run.id)) {
  const known = cards.get(run.id);
  if (known) {
    known.update(run);
    known.label = label;
    return;
  }
  const card = new RunCard(run, label);
  cards.set(run.id, card);
  const later = [...cards.values()].filter((other) => other.run.createdAt < run.createdAt);
  const next = later.sort((a, b) => (a.run.createdAt < b.run.createdAt ? 1 : -1))[0];
  $("run-list").insertBefore(card.root, next?.root ?? null);
  if (!run.isTerminal) watchRun(socket, run, { next: (state) => advance(card, state), gone: () => drop(run.id) });
  tidy();
}

function advance(card, run) {
  const before = card.run.status;
  card.update(run);
  if (run.status !== before) announce(card);
  if (run.isTerminal) tidy();
}

function drop(id) {
  cards.get(id)?.root.remove();
  cards.delete(id);
  forget(id);
  tidy();
}

function tidy() {
  $("no-runs").hidden = cards.size > 0;
  $("clear").hidden = ![...cards.values()].some((card) => card.run.isTerminal);
}

function labelOf(id) {
  return rememberedRuns().find((run) => run.id === id)?.label ?? "";
}

/** Only changes of the status are spoken; the bar itself can be asked for its value. */
function announce({ title, run }) {
  const news = {
    RUNNING: "started",
    RETRYING: `failed and will be tried again. ${run.error}`,
    COMPLETED: `done. ${summaryOf(run)}`,
    FAILED: `failed. ${run.error}`,
    CANCELED: "canceled",
  }[run.status];
  if (news) $("announcer").textContent = `${title}: ${news}`;
}

/** Find again what was started before: by the viewer, or in this browser. */
async function restore() {
  const own = isSignedIn ? await recentRuns() : [];
  for (const run of own) if (!isHidden(run.id)) show(run);
  await Promise.all(
    rememberedRuns().map(async ({ id, label }) => {
      if (cards.has(id) || isHidden(id)) return;
      const run = await findRun(id);
      if (run) show(run, label);
      else if (!isSignedIn) forget(id); // Expired, or of a user who has signed out.
    }),
  );
}

/** Runs that were started elsewhere appear as well. */
async function arrive(id) {
  if (cards.has(id) || arriving.has(id) || isHidden(id)) return;
  arriving.add(id);
  try {
    const run = await findRun(id);
    if (run) show(run);
  } finally {
    arriving.delete(id);
  }
}

/** Let a form start a run; its button is busy meanwhile. */
function onSubmit(form, start) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    const problem = form.querySelector(".form-error");
    problem.textContent = "";
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      const { run, label } = await start(new FormData(form));
      remember(run.id, label);
      show(run, label);
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      button.removeAttribute("aria-busy");
      button.disabled = false;
    }
  });
}

onSubmit($("import-form"), async (form) => {
  const file = form.get("file");
  return { run: await startImport(file, form.get("encoding")), label: file.name };
});
onSubmit($("report-form"), async (form) => {
  const choice = Object.fromEntries(form);
  const label = `${choice.start} to ${choice.end}, by ${choice.groupBy.toLowerCase()}`;
  return { run: await startReport(choice), label };
});
onSubmit($("sync-form"), async (form) => {
  const { name } = $("sync-form").querySelector("[name=provider]:checked").dataset;
  return { run: await startSync(form.get("provider")), label: name };
});

const input = $("import-form").elements.file;
const zone = $("drop");

function showFile() {
  const [file] = input.files;
  zone.classList.toggle("chosen", Boolean(file));
  $("file-name").textContent = file?.name ?? "Choose a CSV file";
  $("file-hint").textContent = file ? bytes(file.size) : "or drop it here";
}

function choose(file) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
  showFile();
}

input.addEventListener("change", showFile);
for (const name of ["dragenter", "dragover"]) {
  zone.addEventListener(name, (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
zone.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) choose(event.dataTransfer.files[0]);
});

for (const button of document.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(button.dataset.sample);
      const name = response.headers.get("Content-Disposition")?.match(/filename="([^"]+)"/)?.[1] ?? "products.csv";
      choose(new File([await response.blob()], name, { type: "text/csv" }));
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}

$("clear").addEventListener("click", () => {
  for (const [id, card] of cards) {
    if (!card.run.isTerminal) continue;
    hide(id);
    drop(id);
  }
});

socket.addEventListener("state", () => {
  const texts = { connecting: "Connecting", open: "Live", waiting: "Reconnecting", refused: "Refused" };
  $("connection").dataset.state = socket.state;
  $("connection").querySelector(".live-text").textContent = texts[socket.state];
  const banner = $("connection-banner");
  if (socket.state === "waiting") banner.textContent = "The connection is lost. Reconnecting …";
  else if (socket.state === "refused") banner.textContent = "The server refuses the connection. Reload the page.";
  else if (socket.state === "open") banner.textContent = "";
  if (socket.state === "open") restore().catch(() => {}); // What was started elsewhere while there was no connection.
});

setInterval(() => {
  for (const card of cards.values()) if (!card.run.isTerminal) card.tick();
}, 500);

socket.open();
if (isSignedIn) watchIds(socket, arrive);
restore().catch((error) => {
  $("connection-banner").textContent = error.message;
});
