// Starts and watches a run with Apollo Client's normalised cache, and prints what two watched queries saw as one line of JSON.
// Arguments: the URLs of GraphQL over HTTP and over websocket, and the gate that the run waits for.
import { writeFileSync } from "node:fs";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [httpUrl, websocketUrl, gate] = process.argv.slice(2);

let requests = 0;
const countedFetch = (...request) => {
  requests += 1;
  return fetch(...request);
};
const websocket = createClient({ url: websocketUrl, webSocketImpl: WebSocket });
const link = ApolloLink.split(
  ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
  new GraphQLWsLink(websocket),
  new HttpLink({ uri: httpUrl, fetch: countedFetch }),
);

async function readPossibleTypes() {
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const { data } = await client.query({ query: gql`{ __schema { types { name possibleTypes { name } } } }` });
  const abstract = data.__schema.types.filter((type) => type.possibleTypes);
  return Object.fromEntries(abstract.map((type) => [type.name, type.possibleTypes.map(({ name }) => name)]));
}

const PROGRESS = gql`
  fragment Progress on TaskHandle {
    id
    status
    progressCurrent
  }
`;
const START = gql`mutation ($gate: String!) { countAsync(gate: $gate) { id } }`;
const BAR = gql`${PROGRESS} query Bar($id: ID!) { task(id: $id) { ...Progress } }`;
const END = gql`query End($id: ID!) { task(id: $id) { id isTerminal ... on CountAsyncTaskHandle { output } } }`;
const WATCH = gql`
  ${PROGRESS}
  subscription ($id: ID!) {
    taskProgress(taskId: $id) {
      ...Progress
      isTerminal
      ... on CountAsyncTaskHandle { output }
    }
  }
`;

const possibleTypes = await readPossibleTypes();
const client = new ApolloClient({ link, cache: new InMemoryCache({ possibleTypes }) });
const { data: started } = await client.mutate({ mutation: START, variables: { gate } });
const id = started.countAsync.id;

// Collects what a watched query shows; `first` and `last` resolve when it shows anything, and when it shows the end.
function watch(query, isLast) {
  const shown = [];
  let setFirst, setLast;
  const first = new Promise((resolve) => (setFirst = resolve));
  const last = new Promise((resolve) => (setLast = resolve));
  client.watchQuery({ query, variables: { id } }).subscribe(({ data, loading }) => {
    if (loading || !data?.task) return;
    shown.push(data.task);
    setFirst();
    if (isLast(data.task)) setLast();
  });
  return { shown, first, last };
}

const bar = watch(BAR, (task) => task.status === "COMPLETED");
const end = watch(END, (task) => task.isTerminal);
await Promise.all([bar.first, end.first]);
const requestsBefore = requests;

await new Promise((resolve, reject) => {
  client.subscribe({ query: WATCH, variables: { id } }).subscribe({
    next: ({ data, error }) => {
      if (error) reject(error);
      if (data?.taskProgress.progressCurrent) writeFileSync(gate, "");
    },
    error: reject,
    complete: resolve,
  });
});
await Promise.all([bar.last, end.last]);

const entities = Object.keys(client.cache.extract()).filter((key) => key.includes(id) && !key.startsWith("ROOT"));
console.log(JSON.stringify({ id, bar: bar.shown, end: end.shown, entities, requests: requests - requestsBefore }));
client.stop();
await websocket.dispose();
