// Composes subgraphs into a supergraph, and queries it. Arguments: name=url of each. One line of JSON for each outcome.
import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { composeServices } from "@apollo/composition";
import { parse } from "graphql";
import { createHash } from "node:crypto";

const services = process.argv.slice(2).map((argument) => argument.split(/=(.*)/s));
const print = (line) => console.log(JSON.stringify(line));

const sdlOf = async (url) => {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query: "{ _service { sdl } }" }) });
  return (await answer.json()).data._service.sdl;
};
const definitions = await Promise.all(
  services.map(async ([name, url]) => ({ name, url, typeDefs: parse(await sdlOf(url)) })),
);
const composed = composeServices(definitions);
print({ errors: (composed.errors ?? []).map((error) => error.message) });
if (composed.errors) process.exit(0);

const gateway = new ApolloGateway({
  supergraphSdl: composed.supergraphSdl,
  buildService: ({ url }) => new RemoteGraphQLDataSource({ url }),
  logger: { debug() {}, info() {}, warn() {}, error: console.error },
});
const { executor } = await gateway.load();
const cache = { get: async () => undefined, set: async () => {}, delete: async () => {} };

const ask = async (query, variables = {}) => {
  const document = parse(query);
  const answer = await executor({
    document,
    source: query,
    request: { query, variables },
    operationName: null,
    operation: document.definitions.find((definition) => definition.kind === "OperationDefinition"),
    queryHash: createHash("sha256").update(query).digest("hex"),
    context: {},
    cache,
    metrics: {},
    logger: console,
    overallCachePolicy: { restrict() {}, policyIfCacheable: () => null },
  });
  if (answer.errors) throw new Error(JSON.stringify(answer.errors));
  return answer.data;
};

const started = await ask("mutation { countOrders(total: 3) { id } countStock(total: 4) { id } }");
const FIND = `query ($orders: ID!, $stock: ID!) {
  ordersTask(id: $orders) { __typename id isTerminal status failure { code } ... on CountOrdersTaskHandle { output { id total } } }
  stockTask(id: $stock) { __typename id isTerminal status result ... on CountStockTaskHandle { output { total } } }
}`;
const ids = { orders: started.countOrders.id, stock: started.countStock.id };
let found = await ask(FIND, ids);
while (!found.ordersTask.isTerminal || !found.stockTask.isTerminal) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  found = await ask(FIND, ids);
}
print({ found });
print({
  elsewhere: await ask("query ($id: ID!) { stockTask(id: $id) { id } }", { id: ids.orders }),
  listed: await ask(`{
    ordersTasks(status: [COMPLETED]) { nodes { id __typename } pageInfo { hasNextPage } }
    stockTasks(first: 5) { edges { node { name tags createdAt } } }
  }`),
});
process.exit(0);
