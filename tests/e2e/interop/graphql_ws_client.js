// Watches a run with graphql-ws through a lost connection, and prints every event as a line of JSON.
// Arguments: the URLs of GraphQL over HTTP and over websocket, and the gate that the run waits for.
import { writeFileSync } from "node:fs";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [httpUrl, websocketUrl, gate] = process.argv.slice(2);

async function execute(query, variables) {
  const answer = await fetch(httpUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return (await answer.json()).data;
}

const { countAsync: run } = await execute("mutation ($gate: String!) { countAsync(gate: $gate) { id } }", { gate });
const client = createClient({ url: websocketUrl, webSocketImpl: WebSocket, retryWait: async () => {} });

let connections = 0;
let eventsOfConnection = 0;
client.on("connected", () => {
  connections += 1;
  eventsOfConnection = 0;
});

const query = "subscription ($id: ID!) { taskProgress(taskId: $id) { status isTerminal version progressCurrent } }";
for await (const event of client.iterate({ query, variables: { id: run.id } })) {
  const state = event.data.taskProgress;
  eventsOfConnection += 1;
  console.log(JSON.stringify({ connection: connections, ...state }));
  if (connections === 1 && state.progressCurrent) client.terminate();
  if (connections === 2 && eventsOfConnection === 1) writeFileSync(gate, "");
}

let refusal;
try {
  for await (const _ of client.iterate({ query, variables: { id: "no-such-run" } }));
} catch (errors) {
  refusal = errors[0].extensions.code;
}
console.log(JSON.stringify({ refusal }));
await client.dispose();
