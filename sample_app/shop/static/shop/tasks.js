/** The shop's tasks, as GraphQL has them: start, find, watch. */

const STATE = `
  id name status isTerminal progress progressCurrent progressTotal progressMessage version
  error failure { code exception traceback } attempt maxRetries createdAt scheduledFor startedAt completedAt`;

/** Each under a name of its own: GraphQL refuses one name for fields of different types. */
const RUN = `${STATE}
  ... on ImportProductsTaskHandle {
    imported: output { total created updated skipped rejectedCount rejected { line reason content } }
  }
  ... on SalesReportTaskHandle {
    sold: output {
      start end groupBy sales total rows { label sales quantity revenue } chart { url name size } table { url name size }
    }
  }
  ... on SyncInventoryTaskHandle {
    synced: output { provider updated unchanged failed failures { sku reason } pages retries }
  }`;

const IMPORT = `mutation Import($file: Upload!, $encoding: CsvEncoding!) {
  started: importProducts(file: $file, encoding: $encoding) {${STATE}}
}`;
const REPORT = `mutation Report($start: Date!, $end: Date!, $groupBy: GroupBy!) {
  started: salesReport(start: $start, end: $end, groupBy: $groupBy) {${STATE}}
}`;
const SYNC = `mutation Sync($provider: String!) { started: syncInventory(provider: $provider) {${STATE}} }`;
const RECENT = `query Recent { tasks(first: 30) { nodes {${RUN}} } }`;
const ONE = `query One($id: ID!) { task(id: $id) {${RUN}} }`;
const PROGRESS = `subscription Progress($id: ID!, $after: Int) { taskProgress(taskId: $id, after: $after) {${RUN}} }`;
const UPDATED = `subscription Updated { taskUpdated { id } }`;

/** Milliseconds before something is watched again that the server could not go on with, e.g. while its store is away. */
const PAUSE = 2000;

const url = document.body.dataset.graphql;

/** @param {File} file @param {string} encoding One of the schema's CsvEncoding. */
export async function startImport(file, encoding) {
  const form = new FormData();
  form.append("operations", JSON.stringify({ query: IMPORT, variables: { file: null, encoding } }));
  form.append("map", JSON.stringify({ file: ["variables.file"] }));
  form.append("file", file);
  return (await post(form)).started;
}

/** @param {{start: string, end: string, groupBy: string}} choice Days as YYYY-MM-DD. */
export async function startReport(choice) {
  return (await ask(REPORT, choice)).started;
}

/** @param {string} provider The supplier's key. */
export async function startSync(provider) {
  return (await ask(SYNC, { provider })).started;
}

/** The viewer's own runs, newest first; none for somebody who is not signed in. */
export async function recentRuns() {
  return (await ask(RECENT, {})).tasks.nodes;
}

/** One run, or null. */
export async function findRun(id) {
  return (await ask(ONE, { id })).task;
}

/**
 * Watch a run until it has ended.
 *
 * @param {import("./graphql-ws.js").GraphQLSocket} socket
 * @param {object} run Its latest known state.
 * @param {{next: (run: object) => void, gone: () => void}} sink `gone`: the run is not there any more.
 */
export function watchRun(socket, run, { next, gone }) {
  let latest = run;
  const watch = () =>
    socket.subscribe(PROGRESS, () => ({ id: run.id, after: latest.version }), {
      next: ({ taskProgress }) => next((latest = taskProgress)),
      error: (errors) => (codeOf(errors) === "TASK_NOT_FOUND" ? gone() : setTimeout(watch, PAUSE)),
      complete: () => latest.isTerminal || setTimeout(watch, PAUSE),
    });
  watch();
}

/** Call back with the id of every run of the viewer that changes. */
export function watchIds(socket, call) {
  const next = ({ taskUpdated }) => call(taskUpdated.id);
  const error = (errors) => codeOf(errors) === "UNAUTHENTICATED" || setTimeout(() => watchIds(socket, call), PAUSE);
  socket.subscribe(UPDATED, () => ({}), { next, error });
}

const codeOf = (errors) => errors[0]?.extensions?.code;

function ask(query, variables) {
  return post(JSON.stringify({ query, variables }), { "Content-Type": "application/json" });
}

async function post(body, headers = {}) {
  let response;
  try {
    response = await fetch(url, { method: "POST", body, headers: { ...headers, "X-CSRFToken": csrfToken() } });
  } catch (error) {
    throw new Error("The server cannot be reached. Try again in a moment.", { cause: error });
  }
  if (response.status === 403) throw new Error("The page is out of date. Reload it, and try again.");
  if (!response.ok) throw new Error(`The server answers with status ${response.status}.`);
  const { data, errors } = await response.json();
  if (errors?.length) throw new Error(errors[0].message);
  return data;
}

function csrfToken() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
}
